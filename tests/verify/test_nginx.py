"""The gateway: TLS by the internal CA, streams, keys asked for, and nothing off the list."""

from __future__ import annotations

import http.client
import json
import secrets
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from testinfra.host import Host

from deploys.embeddings import Embeddings
from deploys.gateway import host_names
from deploys.nginx import HTTP, Nginx
from deploys.topology import Machine, Topology
from tests.verify import gateway as client
from tests.verify.gateway import ANSWER_SECONDS, Answer, Gateway

SHOW_ON_FAILURE = (
    "journalctl --unit nginx --lines 20 --no-pager",
    "tail -n 20 /var/log/nginx/error.log",
)
GUARDED = {
    "llama_cpp": "/llama",
    "vllm": "/vllm",
    "embeddings": "/embeddings",
    "triton": "/triton",
}
"""Where the gateway has each role that wants a key."""
LOCKED = {"prometheus": "/prometheus", "alertmanager": "/alertmanager", "victoria_logs": "/logs"}
"""Where it has each role that it asks a password for itself."""
PATHS = {**GUARDED, **LOCKED, "grafana": "/grafana"}
PRESENT = {
    "chat_role": ("llama_cpp", "vllm"),
    "embedding_role": ("embeddings",),
    "openai_role": ("llama_cpp", "vllm", "embeddings"),
    "guarded_role": tuple(GUARDED),
    "locked_role": tuple(LOCKED),
    "routed_role": tuple(PATHS),
}
USED = {
    "llama_cpp": "/v1/chat/completions",
    "vllm": "/v1/chat/completions",
    "embeddings": "/v1/embeddings",
    "triton": "/v2/models/digits/infer",
}
"""What each role is there for."""
OFF_THE_LIST = [
    "/metrics",
    "/index.html",
    "/status/",
    "/status/no-role",
    "/passwords/prometheus",
    *(f"/prometheus{tail}" for tail in ("/-/reload", "/-/quit", "/debug/pprof/", "/api/v1/write")),
    *("/prometheus/api/v1/admin/tsdb/snapshot", "/prometheus/x/../-/quit", "/prometheus/%2d/quit"),
    *("/alertmanager/-/reload", "/alertmanager/debug/pprof/", "/grafana/metrics"),
    *("/logs/insert/jsonline", "/logs/select/../insert/jsonline", "/logs/metrics", "/logs/flags"),
    *(
        f"{path}{tail}"
        for path in ("/llama", "/vllm", "/embeddings")
        for tail in (
            *("", "/", "/v1", "/metrics", "/slots", "/props", "/completion", "/health/"),
            *("/v1/../metrics", "/v1/%2e%2e/metrics", "/v1/..%2fmetrics", "//v1//..//metrics"),
        )
    ),
    *(
        f"/vllm{tail}"
        for tail in (
            *("/invocations", "/tokenize", "/detokenize", "/pause", "/resume", "/load", "/ping"),
            *("/version", "/pooling", "/classify", "/score", "/rerank", "/abort_requests"),
            *("/scale_elastic_ep", "/update_weights", "/v1/../invocations", "/v1/%2e%2e/pause"),
        )
    ),
    *(
        f"/triton{tail}"
        for tail in (
            *("", "/", "/v2/", "/v2/models", "/v2/models/", "/metrics", "/v2/metrics"),
            *("/v2/repository/index", "/v2/repository/models/digits/unload", "/v2/logging"),
            *("/v2/systemsharedmemory/status", "/v2/cudasharedmemory/status"),
            *("/v2/trace/setting", "/v2/models/digits/trace/setting"),
            *("/v2/models/../repository/index", "/v2/models/digits/..%2f..%2frepository/index"),
            *("/v2/models/digits%2ftrace%2fsetting", "/v2/models/%2e%2e/logging"),
        )
    ),
    "//llama/metrics",
    "/LLAMA/v1/models",
]


@pytest.fixture
def gateway(machine: Machine, trust: ssl.SSLContext) -> Gateway:
    return client.of(machine, trust)


@pytest.fixture
def key_of(topology: Topology, secret: Callable[[str], str]) -> Callable[[str], str]:
    """The key that clients of a role show."""

    def key(role: str) -> str:
        (name,) = topology.having(role)[0].settings[role].secrets()
        return secret(name)

    return key


def served_model(gateway: Gateway, role: str, key: str) -> str:
    """The model that an API like OpenAI's says it has."""
    answer = gateway.ask(f"{PATHS[role]}/v1/models", key=key)
    assert answer.status == 200
    return str(answer.json()["data"][0]["id"])


def chat(model: str, **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": "hello"}]
    return {"model": model, "messages": messages, "max_tokens": 64, **more}


def test_nginx_runs_and_starts_at_boot(host: Host) -> None:
    assert host.service("nginx").is_running
    assert host.service("nginx").is_enabled


def test_the_workers_serve_the_configuration_on_disk(host: Host, gateway: Gateway) -> None:
    revision = gateway.ask("/health").json()["revision"]
    assert f"default {revision};" in host.file("/etc/nginx/revision.conf").content_string


def test_keys_are_for_root_alone(host: Host) -> None:
    listing = "find /etc/nginx/tls/gateway.key /etc/nginx/keys -type f -printf '%m %u:%g %p\\n'"
    found = host.check_output(listing).splitlines()
    assert found
    assert [line for line in found if not line.startswith("600 root:root ")] == []


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
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Request-ID"]
    assert headers["Server"] == "nginx"


@pytest.mark.parametrize("path", OFF_THE_LIST)
def test_a_path_off_the_list_does_not_exist(
    gateway: Gateway, path: str, key_of: Callable[[str], str], topology: Topology
) -> None:
    (role,) = [r for r, prefix in GUARDED.items() if path.startswith(prefix)] or ["llama_cpp"]
    key = key_of(role) if topology.having(role) else "none"
    assert gateway.ask(path, key=key).status == 404


@pytest.mark.parametrize("key", [None, "wrong"])
def test_nobody_is_served_without_the_key_of_the_role(
    gateway: Gateway, guarded_role: str, key: str | None
) -> None:
    body = {"input": "hello", **chat("any")}
    answer = gateway.ask(f"{PATHS[guarded_role]}{USED[guarded_role]}", body, key=key)
    assert answer.status == 401


def test_the_key_of_one_role_opens_no_other(
    gateway: Gateway, guarded_role: str, key_of: Callable[[str], str], topology: Topology
) -> None:
    others = [role for role in GUARDED if role != guarded_role and topology.having(role)]
    path, body = f"{PATHS[guarded_role]}{USED[guarded_role]}", {"input": "hello", **chat("any")}
    assert {role: gateway.ask(path, body, key=key_of(role)).status for role in others} == (
        dict.fromkeys(others, 401)
    )


def test_its_health_is_for_everybody(gateway: Gateway, guarded_role: str) -> None:
    assert gateway.ask(f"{PATHS[guarded_role]}/health").status == 200


def test_a_completion_answers(
    gateway: Gateway, chat_role: str, key_of: Callable[[str], str]
) -> None:
    key = key_of(chat_role)
    model = served_model(gateway, chat_role, key)
    answer = gateway.ask(f"{PATHS[chat_role]}{USED[chat_role]}", chat(model), key=key)
    assert answer.status == 200
    assert answer.json()["model"] == model
    assert answer.json()["usage"]["completion_tokens"] > 0


def streamed(gateway: Gateway, role: str, key: str) -> Answer:
    model = served_model(gateway, role, key)
    body = chat(model, stream=True, max_tokens=900, ignore_eos=True)
    return gateway.ask(f"{PATHS[role]}{USED[role]}", body, key=key)


def alone(answer: Answer) -> int:
    """How many events came by themselves, in a piece that held nothing else."""
    return sum(piece.count(b"data: ") == 1 for piece in answer.pieces[:-1])


def test_a_streamed_completion_ends_with_its_mark(
    gateway: Gateway, chat_role: str, key_of: Callable[[str], str]
) -> None:
    answer = streamed(gateway, chat_role, key_of(chat_role))
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert answer.text.rstrip().endswith("data: [DONE]")


def test_a_streamed_completion_arrives_token_by_token(
    gateway: Gateway, chat_role: str, key_of: Callable[[str], str]
) -> None:
    # Whoever waits for full buffers, or for the end, never hands over one event of 200 bytes. A
    # tiny model makes a token in 0.1 ms: on a busy machine many of them share a packet.
    attempts = (streamed(gateway, chat_role, key_of(chat_role)) for _ in range(20))
    assert any(alone(answer) >= 5 for answer in attempts)


def test_three_completions_stream_at_the_same_time(
    gateway: Gateway, chat_role: str, key_of: Callable[[str], str]
) -> None:
    def three() -> list[Answer]:
        with ThreadPoolExecutor(max_workers=3) as pool:
            asked = [pool.submit(streamed, gateway, chat_role, key_of(chat_role)) for _ in "123"]
            return [answer.result() for answer in asked]

    def overlap(answers: list[Answer]) -> bool:
        assert [answer.text.rstrip()[-12:] for answer in answers] == ["data: [DONE]"] * 3
        return max(a.times[0] for a in answers) < min(a.times[-1] for a in answers)

    # A tiny model may have answered the first before the third was asked.
    assert any(overlap(three()) for _ in range(10))


@pytest.mark.parametrize("inputs", [["search_query: one"], ["search_document: two"] * 3])
def test_an_embedding_has_the_dimension_of_the_model(
    gateway: Gateway,
    topology: Topology,
    embedding_role: str,
    key_of: Callable[[str], str],
    inputs: list[str],
) -> None:
    _, settings = topology.holders(Embeddings)[0]
    body = {"model": settings.model, "input": inputs}
    path = f"{PATHS[embedding_role]}{USED[embedding_role]}"
    answer = gateway.ask(path, body, key=key_of(embedding_role))
    assert answer.status == 200
    lengths = [len(found["embedding"]) for found in answer.json()["data"]]
    assert lengths == [settings.dimension] * len(inputs)


@pytest.mark.parametrize("password", [None, "wrong"])
def test_nobody_sees_a_locked_page_without_the_password(
    gateway: Gateway, locked_role: str, password: str | None
) -> None:
    answer = gateway.ask(f"{PATHS[locked_role]}/", password=password)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_the_password_opens_a_locked_page(
    gateway: Gateway, locked_role: str, topology: Topology, secret: Callable[[str], str]
) -> None:
    route = topology.having(locked_role)[0].settings[locked_role].route()
    assert route is not None and route.password_secret is not None
    answer = gateway.ask(route.page, password=secret(route.password_secret))
    assert answer.status in (200, 302)
    assert answer.headers.get_all("X-Frame-Options") == ["DENY"]


def test_the_status_page_says_how_every_service_is(
    gateway: Gateway, routed_role: str, topology: Topology
) -> None:
    route = topology.having(routed_role)[0].settings[routed_role].route()
    assert route is not None
    answer = gateway.ask("/")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    (row,) = [row for row in answer.text.split("<li>")[1:] if f">{route.title}<" in row]
    assert "</span> answers</span>" in row


def test_the_certificate_of_the_authority_can_be_downloaded(gateway: Gateway) -> None:
    assert gateway.ask("/ca.crt").text == _trusted(gateway.trust)


def test_a_request_is_logged_and_counted(
    host: Host, gateway: Gateway, machine: Machine, settings: Nginx
) -> None:
    identity = gateway.ask("/health").headers["X-Request-ID"]
    log = host.file("/var/log/nginx/access.log").content_string.splitlines()
    (line,) = [json.loads(line) for line in log if identity in line]
    assert (line["route"], line["status"], line["path"]) == ("gateway", 200, "/health")
    url = f"http://{machine.address}:{settings.metrics_port}/metrics"
    samples = host.check_output("curl --silent --fail %s", url)
    assert 'nginx_requests_total{route="gateway",status="200"}' in samples
    assert 'nginx_request_seconds_bucket{route="gateway",le="+Inf"}' in samples
    assert 'nginx_sent_bytes_total{route="gateway"}' in samples


def test_metrics_are_on_the_address_of_the_host_only(
    host: Host, machine: Machine, settings: Nginx
) -> None:
    assert host.service("mtail").is_enabled
    assert host.socket(f"tcp://{machine.address}:{settings.metrics_port}").is_listening
    assert not host.socket(f"tcp://127.0.0.1:{settings.metrics_port}").is_listening


def test_the_logs_are_rotated(host: Host) -> None:
    said = host.run("logrotate --debug /etc/logrotate.d/nginx")
    assert said.rc == 0
    assert "rotating pattern: /var/log/nginx/*.log" in said.stderr


def test_hashes_of_passwords_are_for_the_workers_alone(host: Host) -> None:
    listing = "find /etc/nginx/passwords -printf '%m %u:%g %y\n'"
    found = set(host.check_output(listing).splitlines())
    assert found <= {"750 root:www-data d", "640 root:www-data f"}


def test_keys_do_not_reach_the_access_log(
    host: Host, gateway: Gateway, openai_role: str, key_of: Callable[[str], str]
) -> None:
    key, path = key_of(openai_role), f"{PATHS[openai_role]}/v1/models"
    # A value of its own: servers behind the gateway may log what is in an address.
    asked = secrets.token_hex(32)
    assert gateway.ask(f"{path}?api_key={asked}", key=key).status == 200
    # Searched here: as an argument of grep the key would be in the host's process list.
    log = host.file("/var/log/nginx/access.log").content_string
    assert path in log
    assert key not in log
    assert asked not in log


def test_a_server_answers_nobody_but_the_gateway(
    machine: Machine, topology: Topology, host_named: Callable[[str], Host], guarded_role: str
) -> None:
    server = topology.having(guarded_role)[0]
    settings = server.settings[guarded_role]
    route = settings.route()
    assert route is not None
    allowed = {group for port in settings.ports() for group in port.reachable_from}
    url = f"http://{server.address}:{route.port}/health"
    strangers = _strangers(topology, {*allowed, guarded_role})
    with ThreadPoolExecutor() as pool:
        answers = pool.map(lambda m: _answers(host_named(m.name), url), strangers)
        asked = {m.name: answer for m, answer in zip(strangers, answers, strict=True)}
    assert asked
    assert not any(asked.values()), asked
    assert _answers(host_named(machine.name), url)


def _strangers(topology: Topology, groups: set[str]) -> list[Machine]:
    return [
        machine
        for machine in topology.machines
        if not groups & set(machine.groups) and not machine.may_be_absent
    ]


def _answers(host: Host, url: str) -> bool:
    return bool(host.run(f"curl --silent --max-time 3 --output /dev/null {url}").rc == 0)


def _trusted(trust: ssl.SSLContext) -> str:
    (certificate,) = trust.get_ca_certs(binary_form=True)
    return ssl.DER_cert_to_PEM_cert(certificate)
