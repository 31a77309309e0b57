"""The gateway: TLS by the internal CA, streams, keys asked for, and nothing off the list."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

import pytest
from testinfra.host import Host

from deploys.llama_cpp import LlamaCpp
from deploys.nginx import HTTP, HTTPS, host_names
from deploys.topology import Machine, Topology

SHOW_ON_FAILURE = (
    "journalctl --unit nginx --lines 20 --no-pager",
    "tail -n 20 /var/log/nginx/error.log",
)
ANSWER_SECONDS = 60
OFF_THE_LIST = [
    "/",
    "/metrics",
    "/llama",
    "/llama/",
    "/llama/v1",
    "/llama/metrics",
    "/llama/slots",
    "/llama/props",
    "/llama/completion",
    "/llama/health/",
    "/llama/v1/../metrics",
    "/llama/v1/%2e%2e/metrics",
    "/llama/v1/..%2fmetrics",
    "/llama//v1//..//metrics",
    "//llama/metrics",
    "/LLAMA/v1/models",
]


class Connection(http.client.HTTPSConnection):
    """HTTPS to an address under a name: what a client does once the name is resolved."""

    def __init__(self, address: str, name: str, trust: ssl.SSLContext) -> None:
        super().__init__(name, HTTPS, timeout=ANSWER_SECONDS, context=trust)
        self.address, self.trust = address, trust

    def connect(self) -> None:
        plain = socket.create_connection((self.address, HTTPS), timeout=ANSWER_SECONDS)
        self.sock = self.trust.wrap_socket(plain, server_hostname=self.host)


@dataclass(frozen=True)
class Answer:
    """An answer, in the pieces in which it arrived."""

    status: int
    headers: Message
    pieces: tuple[bytes, ...]

    @property
    def text(self) -> str:
        return b"".join(self.pieces).decode()

    def json(self) -> Any:
        return json.loads(self.text)


@dataclass(frozen=True)
class Gateway:
    """The gateway as a client on the control machine uses it."""

    address: str
    name: str
    trust: ssl.SSLContext
    key: str = field(default="", repr=False)

    def ask(
        self, path: str, body: Any = None, key: str | None = None, host: str | None = None
    ) -> Answer:
        headers = {"Host": host or self.name}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        method, content = ("GET", None) if body is None else ("POST", json.dumps(body))
        with closing(Connection(self.address, self.name, self.trust)) as connection:
            connection.request(method, path, content, headers)
            answer = connection.getresponse()
            pieces = tuple(iter(answer.read1, b""))
            return Answer(answer.status, answer.headers, pieces)


@pytest.fixture
def gateway(
    machine: Machine,
    host: Host,
    topology: Topology,
    trust: ssl.SSLContext,
    secret: Callable[[str], str],
) -> Gateway:
    _, llama_cpp = topology.holders(LlamaCpp)[0]
    (key,) = llama_cpp.secrets()
    return Gateway(machine.address, host_names(machine)[0], trust, secret(key))


def chat(content: str, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content}], "max_tokens": 64, **more}


def test_nginx_runs_and_starts_at_boot(host: Host) -> None:
    assert host.service("nginx").is_running
    assert host.service("nginx").is_enabled


def test_the_workers_serve_the_configuration_on_disk(host: Host, gateway: Gateway) -> None:
    revision = gateway.ask("/health").json()["revision"]
    assert f"default {revision};" in host.file("/etc/nginx/revision.conf").content_string


def test_the_key_of_the_certificate_is_for_root_alone(host: Host) -> None:
    key = host.file("/etc/nginx/tls/gateway.key")
    assert (key.mode, key.user, key.group) == (0o600, "root", "root")


def test_plain_http_is_redirected(machine: Machine, gateway: Gateway) -> None:
    plain = http.client.HTTPConnection(machine.address, HTTP, timeout=ANSWER_SECONDS)
    with closing(plain) as connection:
        connection.request("GET", "/llama/v1/models?a=b", headers={"Host": gateway.name})
        answer = connection.getresponse()
    assert answer.status == 301
    assert answer.headers["Location"] == f"https://{gateway.name}/llama/v1/models?a=b"
    assert "Strict-Transport-Security" not in answer.headers


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_is_spoken_in_both_present_versions(gateway: Gateway, version: ssl.TLSVersion) -> None:
    context = ssl.create_default_context(cadata=_trusted(gateway.trust))
    context.minimum_version = context.maximum_version = version
    assert Gateway(gateway.address, gateway.name, context).ask("/health").status == 200


def test_older_tls_is_refused(host: Host) -> None:
    # Python warns of old versions; curl on the gateway asks for one without ceremony.
    command = "curl --tls-max 1.1 --insecure --silent --output /dev/null https://127.0.0.1/health"
    ssl_connect_error = 35
    assert host.run(command).rc == ssl_connect_error


def test_every_name_and_the_address_have_a_trusted_certificate(
    machine: Machine, trust: ssl.SSLContext
) -> None:
    for name in [*host_names(machine), machine.address]:
        assert Gateway(machine.address, name, trust).ask("/health").status == 200, name


def test_another_host_name_is_refused(gateway: Gateway) -> None:
    assert gateway.ask("/health", host="elsewhere.example").status == 404


def test_answers_carry_the_security_headers(gateway: Gateway) -> None:
    headers = gateway.ask("/health").headers
    assert headers["Strict-Transport-Security"] == "max-age=31536000"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Server"] == "nginx"


@pytest.mark.parametrize("path", OFF_THE_LIST)
def test_a_path_off_the_list_does_not_exist(gateway: Gateway, path: str) -> None:
    assert gateway.ask(path, key=gateway.key).status == 404


def test_a_completion_without_the_key_is_refused(gateway: Gateway) -> None:
    assert gateway.ask("/llama/v1/chat/completions", chat("hello")).status == 401


def test_a_completion_with_a_wrong_key_is_refused(gateway: Gateway) -> None:
    answer = gateway.ask("/llama/v1/chat/completions", chat("hello"), key="wrong")
    assert answer.status == 401


def test_the_model_server_is_healthy_behind_the_gateway(gateway: Gateway) -> None:
    assert gateway.ask("/llama/health").json() == {"status": "ok"}


def test_a_completion_answers(gateway: Gateway) -> None:
    answer = gateway.ask("/llama/v1/chat/completions", chat("hello"), key=gateway.key)
    assert answer.status == 200
    assert answer.json()["usage"]["completion_tokens"] > 0


def streamed(gateway: Gateway) -> Answer:
    body = chat("hello", stream=True, max_tokens=512, ignore_eos=True)
    return gateway.ask("/llama/v1/chat/completions", body, key=gateway.key)


def alone(answer: Answer) -> int:
    """How many events came by themselves, in a piece that held nothing else."""
    return sum(piece.count(b"data: ") == 1 for piece in answer.pieces[:-1])


def test_a_streamed_completion_ends_with_its_mark(gateway: Gateway) -> None:
    answer = streamed(gateway)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert answer.text.rstrip().endswith("data: [DONE]")


def test_a_streamed_completion_arrives_token_by_token(gateway: Gateway) -> None:
    # Whoever waits for full buffers, or for the end, never hands over one event of 200 bytes. A
    # tiny model makes a token in 0.1 ms: on a busy machine many of them share a packet.
    attempts = (streamed(gateway) for _ in range(20))
    assert any(alone(answer) >= 5 for answer in attempts)


def test_keys_do_not_reach_the_access_log(host: Host, gateway: Gateway) -> None:
    path = f"/llama/v1/models?api_key={gateway.key}"
    assert gateway.ask(path, key=gateway.key).status == 200
    # Searched here: as an argument of grep the key would be in the host's process list.
    log = host.file("/var/log/nginx/access.log").content_string
    assert "/llama/v1/models" in log
    assert gateway.key not in log


def test_the_model_answers_nobody_but_the_gateway(
    machine: Machine, topology: Topology, host_named: Callable[[str], Host]
) -> None:
    server, llama_cpp = topology.holders(LlamaCpp)[0]
    allowed = {group for port in llama_cpp.ports() for group in port.reachable_from}
    url = f"http://{server.address}:{llama_cpp.port}/health"
    asked = {m.name: _answers(host_named(m.name), url) for m in _strangers(topology, allowed)}
    assert asked
    assert not any(asked.values()), asked
    assert _answers(host_named(machine.name), url)


def _strangers(topology: Topology, allowed: set[str]) -> list[Machine]:
    return [
        machine
        for machine in topology.machines
        if not allowed & set(machine.groups)
        and "llama_cpp" not in machine.groups
        and not machine.may_be_absent
    ]


def _answers(host: Host, url: str) -> bool:
    return bool(host.run(f"curl --silent --max-time 3 --output /dev/null {url}").rc == 0)


def _trusted(trust: ssl.SSLContext) -> str:
    (certificate,) = trust.get_ca_certs(binary_form=True)
    return ssl.DER_cert_to_PEM_cert(certificate)
