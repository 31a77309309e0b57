"""The routes of every role, also of those that no host has yet, tried out with a sample upstream.

They are rendered as the roll-out renders them, and served by a second NGINX on the gateway's
loopback.
"""

from __future__ import annotations

import base64
import io
import json
import subprocess
import tarfile
from collections.abc import Generator, Iterable
from typing import Any

import pytest

import secret_store
from deploys.base import Base
from deploys.declarations import Route
from deploys.nginx import DIRECTORIES, Nginx
from deploys.nginx_files import configuration, with_revision
from deploys.nginx_logins import key_files, password_files
from deploys.nginx_upstreams import Upstream
from deploys.topology import Machine
from lab.checkout import container_name
from operations.entries import File
from tests.lab import gateway_samples as samples
from tests.lab.conftest import converge, shell
from tests.lab.gateway_samples import GATEWAY, PORT

HTTPS, DIRECTORY = 18443, "/tmp/routes"
LOCKED, KEY = "nginx/admin-password", "triton/api-key"
SAMPLE = f"127.0.0.1:{PORT}"
GONE = "127.0.0.1:9"
ROUTES = {
    "vllm": Route(PORT, "vLLM"),
    "llama_cpp": Route(PORT, "llama.cpp"),
    "embeddings": Route(9, "Embeddings"),
    "triton": Route(PORT, "Triton", bearer_secret=KEY),
    "prometheus": Route(PORT, "Prometheus", page="/prometheus/", password_secret=LOCKED),
    "alertmanager": Route(9, "Alertmanager", page="/alertmanager/", password_secret=LOCKED),
    "victoria_logs": Route(PORT, "Logs", page="/logs/", password_secret=LOCKED),
    "grafana": Route(PORT, "Grafana", page="/grafana/"),
}
"""Embeddings and Alertmanager are gone."""
ELSEWHERE = {
    "listen 80": "listen 127.0.0.1:18081",
    "listen 443": f"listen 127.0.0.1:{HTTPS}",
    "8099": "18099",
    "/run/nginx.pid": f"{DIRECTORY}/nginx.pid",
    "/var/log/nginx": DIRECTORY,
    "/etc/nginx": DIRECTORY,
}
"""What differs from the roll-out's: places and ports that are taken."""


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    converge(GATEWAY)
    folder = tmp_path_factory.mktemp("routes")
    data = {"secret_store": str(folder / "secrets"), "secret_identity": str(folder / "id")}
    store = secret_store.for_data(data)
    store.ensure([LOCKED, KEY])
    _put(_files(store))
    return {name: store.get(name).get_secret_value() for name in (LOCKED, KEY)}


def _files(store: secret_store.SecretStore) -> list[File]:
    machine = Machine("door", "127.0.0.1", ("nginx",), {"base": Base()}, {"domain": "home.arpa"})
    found = [
        Upstream(role, route, (f"127.0.0.1:{route.port}",), ("door",))
        for role, route in ROUTES.items()
    ]
    files = configuration(Nginx(requests_per_second=1000), machine, found, (1, 26, 3))
    return with_revision([*files, *key_files(found, store), *password_files(found, store)])


def _put(files: Iterable[File]) -> None:
    """Unpack the set below DIRECTORY on the gateway, with the certificate that is there."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for file in files:
            content = file.content.decode()
            for old, new in ELSEWHERE.items():
                content = content.replace(old, new)
            member = tarfile.TarInfo(file.path.removeprefix("/etc/nginx/"))
            member.size, member.mode = len(content.encode()), 0o644
            archive.addfile(member, io.BytesIO(content.encode()))
    folders = " ".join(directory.path.replace("/etc/nginx", DIRECTORY) for directory in DIRECTORIES)
    unpack = (
        f"mkdir -p {folders} && tar -xf - -C {DIRECTORY} && cp -r /etc/nginx/tls {DIRECTORY}"
        f" && chmod -R a+rX {DIRECTORY}"
    )
    command = ["docker", "exec", "-i", container_name(GATEWAY), "sh", "-c", unpack]
    subprocess.run(command, input=buffer.getvalue(), check=True)


@pytest.fixture(scope="module", autouse=True)
def serving(secrets: dict[str, str]) -> Generator[None]:
    nginx = f"nginx -c {DIRECTORY}/nginx.conf"
    with samples.upstream():
        shell(GATEWAY, f"{nginx} -t -q && {nginx}")
        yield
        shell(GATEWAY, f"{nginx} -s stop; sleep 0.5; rm -rf {DIRECTORY}")


class Answer:
    """An answer of the second NGINX, as curl prints it with its head."""

    def __init__(self, text: str) -> None:
        head, _, self.text = text.replace("\r\n", "\n").partition("\n\n")
        status, *lines = head.splitlines()
        self.status = int(status.split()[1])
        self.headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines)}

    @property
    def seen(self) -> dict[str, Any]:
        """What the sample upstream was asked."""
        found: dict[str, Any] = json.loads(self.text)
        return found


def ask(path: str, *options: str, authorization: str = "") -> Answer:
    url = f"https://gateway.home.arpa:{HTTPS}{path}"
    shown = [f"-H 'Authorization: {authorization}'"] if authorization else []
    resolve = f"--resolve gateway.home.arpa:{HTTPS}:127.0.0.1"
    return Answer(
        shell(GATEWAY, f"curl -ksi --http1.1 {resolve} {' '.join([*shown, *options])} '{url}'")
    )


@pytest.fixture
def password(secrets: dict[str, str]) -> str:
    return "Basic " + base64.b64encode(f"admin:{secrets[LOCKED]}".encode()).decode()


def test_a_page_behind_a_password_is_asked_without_its_prefix_and_without_the_password(
    password: str,
) -> None:
    answer = ask("/prometheus/api/v1/query?query=up%20%3D%3D%201", authorization=password)
    assert answer.status == 200
    assert answer.seen["path"] == "/api/v1/query?query=up%20%3D%3D%201"
    assert "Authorization" not in answer.seen["headers"]
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.seen["headers"]["X-Request-ID"] == answer.headers["x-request-id"]


def _guess() -> Answer:
    return ask("/prometheus/", authorization="Basic d3Jvbmc6d3Jvbmc=")


def test_a_wrong_password_is_refused_and_soon_told_to_wait(password: str) -> None:
    guesses = [_guess()]
    assert guesses[0].status == 401
    while guesses[-1].status == 401 and len(guesses) < 60:
        guesses.append(_guess())
    assert guesses[-1].status == 429
    assert guesses[-1].headers["retry-after"] == "2"
    assert "too many wrong passwords" in guesses[-1].text
    assert ask("/prometheus/", authorization=password).status == 200


def test_grafana_gets_its_paths_as_they_came_and_its_own_login() -> None:
    answer = ask("/grafana/d/a%2Fb?x=%2F", authorization="Bearer its-own")
    assert answer.seen["path"] == "/grafana/d/a%2Fb?x=%2F"
    assert answer.seen["headers"]["Authorization"] == "Bearer its-own"


@pytest.mark.parametrize(("asked", "upgraded"), [("websocket", True), ("h2c", False)])
def test_only_a_web_socket_is_upgraded(asked: str, upgraded: bool) -> None:
    wish = ("-H 'Connection: Upgrade'", f"-H 'Upgrade: {asked}'", "--max-time 5")
    headers = ask("/grafana/api/live/ws", *wish).seen["headers"]
    assert (headers.get("Upgrade") == asked) == upgraded
    assert (headers.get("Connection") == "upgrade") == upgraded


def test_the_logs_are_read_and_never_written(password: str) -> None:
    assert ask("/logs/").status == 401
    page = ask("/logs/", authorization=password)
    assert (page.status, page.headers["location"].rpartition(":18443")[2]) == (
        302,
        "/logs/select/vmui/",
    )
    assert (
        ask("/logs/select/logsql/query", authorization=password).seen["path"]
        == "/select/logsql/query"
    )
    assert ask("/logs/insert/jsonline", "--data x", authorization=password).status == 404


@pytest.mark.parametrize("slash", ["", "/"])
def test_alerts_cannot_be_given_from_outside(password: str, slash: str) -> None:
    path = f"/alertmanager/api/v2/alerts{slash}"
    assert ask(path, "--data []", authorization=password).status == 403


def test_a_gone_service_is_named_in_a_page_or_in_json(password: str) -> None:
    page, program = ask("/alertmanager/", authorization=password), ask("/embeddings/v1/models")
    assert (page.status, page.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert "Alertmanager does not answer at the moment" in page.text
    assert program.status == 503
    assert program.seen["error"]["message"] == "Embeddings does not answer at the moment"


def test_the_status_page_has_every_role_and_only_the_gone_ones_do_not_answer() -> None:
    rows = [row.partition("</li>")[0] for row in ask("/").text.split("<li>")[1:]]
    titles = {route.title: role for role, route in ROUTES.items()}
    down = {title for title in titles for row in rows if f">{title}<" in row and "does not" in row}
    assert len(rows) == len(ROUTES)
    assert down == {"Embeddings", "Alertmanager"}


def test_a_key_that_the_gateway_asks_for_is_not_passed_on(secrets: dict[str, str]) -> None:
    path = "/triton/v2/models/digits"
    assert ask(path).headers["www-authenticate"] == "Bearer"
    answer = ask(path, authorization=f"Bearer {secrets[KEY]}")
    assert answer.seen["path"] == "/v2/models/digits"
    assert "Authorization" not in answer.seen["headers"]


def test_a_request_that_is_too_large_is_told_so_in_json() -> None:
    size = "-H 'Content-Length: 99999999' -H 'Expect:'"
    answer = ask("/vllm/v1/chat/completions", "-X POST", size)
    assert (answer.status, answer.headers["content-type"]) == (413, "application/json")


def test_a_line_of_the_log_is_json_whatever_was_asked() -> None:
    ask("/vllm/v1/%22,%20%22status%22:%20200?api_key=hidden", "-H 'Cookie: session=hidden'")
    last = shell(GATEWAY, f"tail -n 1 {DIRECTORY}/access.log")
    assert json.loads(last)["route"] == "vllm"
    assert "hidden" not in last
