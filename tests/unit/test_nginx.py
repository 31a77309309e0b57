"""NGINX: what the configuration says for given settings, machines and versions."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import Field, SecretStr
from pyinfra.api.exceptions import DeployError

import secret_store
from certificates import Leaf
from deploys import nginx_metrics, rendering
from deploys.base import Base
from deploys.declarations import EVERYONE, Route, Scrape
from deploys.gateway import ADMIN_PASSWORD
from deploys.nginx import Nginx
from deploys.nginx_files import configuration, path_of, tls_files, with_revision
from deploys.nginx_logins import key_files, password_files
from deploys.nginx_upstreams import Upstream, upstreams
from deploys.nginx_version import parsed_version
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from operations.entries import File
from secret_store import SecretStore

LOCKED = "nginx/admin-password"


def upstream(role: str, *servers: str, **route: Any) -> Upstream:
    declared = Route(1, role.title(), **route)
    return Upstream(role, declared, servers or ("192.0.2.1:80",), ("one",))


LLAMA_CPP = upstream("llama_cpp", "192.0.2.1:8080", "192.0.2.2:8081")
TRITON = upstream("triton", health="/v2/health/ready", bearer_secret="triton/api-key")
PROMETHEUS = upstream(
    "prometheus", health="/-/healthy", page="/prometheus/", password_secret=LOCKED
)
ALERTMANAGER = upstream("alertmanager", page="/alertmanager/", password_secret=LOCKED)
VICTORIA_LOGS = upstream("victoria_logs", page="/logs/", password_secret=LOCKED)
GRAFANA = upstream("grafana", health="/api/health", page="/grafana/")
APIS = [LLAMA_CPP, upstream("vllm"), upstream("embeddings"), TRITON]
PAGES = [PROMETHEUS, ALERTMANAGER, VICTORIA_LOGS, GRAFANA]
BEHIND = [*APIS, *PAGES]
DEBIAN_12, DEBIAN_13 = (1, 22, 1), (1, 26, 3)


class Guarded(Settings):
    """Stands for a server that knows no key."""

    role: ClassVar[str] = "guarded"
    port: int = Field(default=8010, description="API")

    def route(self) -> Route:
        return Route(self.port, "Guarded", bearer_secret="guarded/api-key")


class Open(Guarded):
    role: ClassVar[str] = "open"

    def route(self) -> Route:
        return Route(self.port, "Open")


def machine(**settings: Any) -> Machine:
    return Machine("door", "192.0.2.9", ("nginx",), settings, {"domain": "example.home.arpa"})


def texts(
    settings: Nginx | None = None,
    found: Sequence[Upstream] = (LLAMA_CPP,),
    version: tuple[int, ...] = DEBIAN_13,
) -> dict[str, str]:
    files = configuration(settings or Nginx(), machine(base=Base()), found, version)
    return {file.path.removeprefix("/etc/nginx/"): file.content.decode() for file in files}


def test_everyone_may_come_by_http_and_https() -> None:
    assert [(p.number, p.reachable_from) for p in Nginx(metrics_port=9113).ports()] == [
        (80, (EVERYONE,)),
        (443, (EVERYONE,)),
        (9113, ("prometheus",)),
    ]
    assert Nginx(metrics_port=9113).scrapes() == (Scrape("nginx", 9113),)


@pytest.mark.parametrize("field", sorted(Nginx.model_fields))
def test_limits_are_at_least_one(field: str) -> None:
    with pytest.raises(ValueError, match=rf"{field}\n  Input should be greater than or equal to 1"):
        Nginx(**{field: 0})
    assert getattr(Nginx(**{field: 1}), field) == 1


def test_http2_is_a_directive_where_the_version_knows_it() -> None:
    text = texts(version=DEBIAN_13)["nginx.conf"]
    assert text.count("        http2 on;\n") == 2
    assert "ssl http2" not in text


def test_http2_is_a_word_of_listen_in_older_versions() -> None:
    text = texts(version=DEBIAN_12)["nginx.conf"]
    assert "http2 on" not in text
    assert text.count("listen 443 ssl http2") == 2


def test_upstreams_are_addresses_so_that_no_name_has_to_resolve() -> None:
    found = texts()["nginx.conf"].partition("upstream llama_cpp {")[2].partition("}")[0]
    assert found.split() == ["server", "192.0.2.1:8080;", "server", "192.0.2.2:8081;"]


def test_without_an_upstream_there_is_no_route() -> None:
    found = texts(found=())
    assert not [name for name in found if name.startswith(("routes/", "passed_on/"))]
    assert "upstream " not in found["nginx.conf"]


def test_every_role_that_declares_a_route_is_an_upstream() -> None:
    settings: list[dict[str, Settings]] = [
        {"open": Open()},
        {"guarded": Guarded(port=1), "nginx": Nginx(), "open": Open()},
    ]
    machines = [
        Machine(f"host{number}", f"192.0.2.{number}", tuple(held), held, {})
        for number, held in enumerate(settings)
    ]
    assert upstreams(Topology(tuple(machines), ())) == (
        Upstream("open", Open().route(), ("192.0.2.0:8010", "192.0.2.1:8010"), ("host0", "host1")),
        Upstream("guarded", Guarded(port=1).route(), ("192.0.2.1:1",), ("host1",)),
    )


def locations(role: str) -> list[str]:
    """What the route of a role matches, in its order."""
    text = texts(found=BEHIND)[f"routes/{role}.conf"]
    return re.findall(r"^location (.+) \{$", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("role", "path"), [("llama_cpp", "/llama"), ("vllm", "/vllm"), ("embeddings", "/embeddings")]
)
def test_an_openai_api_has_v1_and_health_and_nothing_else(role: str, path: str) -> None:
    assert locations(role) == [f"= {path}/v1", f"{path}/v1/", f"= {path}/health"]
    text = texts(found=BEHIND)[f"routes/{role}.conf"]
    assert re.findall(r"proxy_pass (.+);", text) == [f"http://{role}/v1/", f"http://{role}/health"]


def test_triton_has_models_and_health_and_nothing_else() -> None:
    assert locations("triton") == [
        "= /triton/v2",
        "= /triton/v2/models",
        "/triton/v2/models/",
        "= /triton/health",
        "= /triton/v2/health/ready",
        "= /triton/v2/health/live",
    ]


SERVED = ["", "/versions/1", "/ready", "/versions/2/ready", "/config", "/stats", "/infer"]
NOT_SERVED = ["/trace/setting", "/versions/1/trace/setting", "/load", "/unload", "/infer/x", "/"]


@pytest.mark.parametrize(
    ("path", "served"),
    [*((path, True) for path in SERVED), *((path, False) for path in NOT_SERVED)],
)
def test_of_a_model_triton_serves_what_clients_use(path: str, served: bool) -> None:
    text = texts(found=BEHIND)["routes/triton.conf"]
    (pattern,) = re.findall(r'rewrite "(.+)" \$1 break;', text)
    assert bool(re.search(pattern, f"/triton/v2/models/digits{path}")) == served


def mapped(variable: str, found: Sequence[Upstream] = BEHIND) -> dict[str, str]:
    """What `map ... $variable` of nginx.conf says, by what it is asked for."""
    block = texts(found=found)["nginx.conf"].partition(f"${variable} {{\n")[2].partition("}")[0]
    rows = (line.strip().rstrip(";").split(" ", 1) for line in block.splitlines() if line.strip())
    return {key: value.strip('"') for key, value in rows}


def test_no_server_is_shown_what_the_gateway_asked_for() -> None:
    assert mapped("authorization") == {
        "default": "$http_authorization",
        **dict.fromkeys(("triton", "prometheus", "alertmanager", "victoria_logs"), ""),
    }


@pytest.mark.parametrize("found", BEHIND, ids=lambda found: found.role)
def test_whatever_is_passed_on_is_counted_as_its_role(found: Upstream) -> None:
    text = texts(found=BEHIND)[f"routes/{found.role}.conf"]
    for location in text.split("\nlocation ")[1:]:
        if "proxy_pass" in location:
            own = f"include passed_on/{found.role}.conf;"
            health = f"set $route {found.role};\n    include proxy.conf;"
            assert own in location or health in location, location


@pytest.mark.parametrize("found", BEHIND, ids=lambda found: found.role)
def test_what_a_route_declares_is_asked_for_wherever_it_is_passed_on(found: Upstream) -> None:
    text = texts(Nginx(burst=7, parallel_requests=3), found=BEHIND)[f"passed_on/{found.role}.conf"]
    route = found.route
    assert f"set $route {found.role};" in text
    assert (f"auth_basic_user_file passwords/{found.role};" in text) == bool(route.password_secret)
    assert (f"if (${found.role}_key_shown = 0)" in text) == bool(route.bearer_secret)
    assert ("limit_req zone=requests burst=7 nodelay;" in text) == (not route.page)
    assert ("limit_conn parallel 3;" in text) == (not route.page)
    assert ("error_page 502 504 = @page_unavailable;" in text) == bool(route.page)


def test_limits_are_those_of_the_settings() -> None:
    text = texts(Nginx(requests_per_second=5, failed_logins_per_minute=9))["nginx.conf"]
    assert "limit_req_zone $binary_remote_addr zone=requests:10m rate=5r/s;" in text
    assert "limit_req_zone $wrong_password zone=wrong_passwords:1m rate=9r/m;" in text


@pytest.mark.parametrize(("per_minute", "seconds"), [(30, 2), (7, 9), (60, 1), (120, 1)])
def test_who_guesses_is_told_when_the_next_guess_counts(per_minute: int, seconds: int) -> None:
    text = texts(Nginx(failed_logins_per_minute=per_minute))["answers.conf"]
    location = text.partition("location @too_many_logins {")[2].partition("}")[0]
    assert f"add_header Retry-After {seconds} always;" in location


@pytest.mark.parametrize("found", PAGES, ids=lambda found: found.role)
def test_a_page_has_a_policy_of_its_own_that_lets_its_scripts_run(found: Upstream) -> None:
    policy = mapped("content_security_policy")[found.role]
    assert "frame-ancestors 'none'" in policy
    assert "default-src" not in policy and "script-src" not in policy


@pytest.mark.parametrize(
    ("role", "path"),
    [
        *(("prometheus", f"/prometheus{p}") for p in ("/-/", "/debug/", "/api/v1/admin/")),
        *(("prometheus", f"/prometheus/api/v1/{p}") for p in ("write", "otlp/")),
        *(("alertmanager", f"/alertmanager{p}") for p in ("/-/", "/debug/")),
        ("grafana", "= /grafana/metrics"),
    ],
)
def test_what_administers_a_server_is_not_passed_on(role: str, path: str) -> None:
    text = texts(found=BEHIND)[f"routes/{role}.conf"]
    location = text.partition(f"location {path} {{")[2].partition("\n}")[0]
    assert location.strip().startswith("return 404 ")


def test_of_the_logs_only_what_reads_is_passed_on() -> None:
    text = texts(found=BEHIND)["routes/victoria_logs.conf"]
    assert re.findall(r"proxy_pass (.+);", text) == ["http://victoria_logs/select/"]


def test_alerts_are_read_and_never_given_here() -> None:
    text = texts(found=BEHIND)["routes/alertmanager.conf"]
    location = text.partition("location /alertmanager/api/v2/alerts {")[2].partition("\n}")[0]
    assert "limit_except GET {\n        deny all;" in location


def test_only_web_sockets_are_upgraded() -> None:
    assert mapped("upgrade") == {'"~*^websocket$"': "websocket"}
    assert "proxy_set_header Upgrade $upgrade;" in texts()["proxy.conf"]


def page() -> str:
    return texts(found=BEHIND)["status/index.html"]


@pytest.mark.parametrize("found", BEHIND, ids=lambda found: found.role)
def test_the_status_page_shows_every_route_and_asks_for_its_health(found: Upstream) -> None:
    assert f'<!--# include virtual="/status/{found.role}" -->' in page()
    asked = texts(found=BEHIND)["nginx.conf"].partition(f"location = /health/{found.role} {{")[2]
    assert f"proxy_pass http://{found.role}{found.route.health};" in asked.partition("}")[0]
    link = f'<a href="{found.route.page}">{found.route.title}</a>'
    assert (link in page()) == bool(found.route.page)


def test_the_status_page_needs_no_script_and_nobody_elses_files() -> None:
    assert re.findall(r'(?:href|src)="([^"]+)"', page()) == [
        "/status.css",
        *(found.route.page for found in PAGES),
        "/ca.crt",
    ]
    assert "<script" not in page()


def test_a_title_cannot_end_the_markup() -> None:
    odd = Upstream("vllm", Route(1, "<b>&"), ("192.0.2.1:80",), ("one",))
    assert "<h3>&lt;b&gt;&amp;</h3>" in texts(found=[odd])["status/index.html"]


@pytest.mark.parametrize(
    ("role", "path"),
    [("llama_cpp", "/llama/"), ("triton", "/triton/"), ("victoria_logs", "/logs/")],
)
def test_the_path_of_a_role_is_that_of_its_locations(role: str, path: str) -> None:
    text = texts(found=BEHIND)[f"routes/{role}.conf"]
    assert path_of(File("any", text.encode())) == path


def test_the_log_has_neither_query_strings_nor_headers_of_the_client() -> None:
    text = texts()["nginx.conf"].partition("log_format")[2].partition(";")[0]
    logged = set(re.findall(r"\$(\w+)", text))
    assert not logged & {"request", "request_uri", "args", "query_string"}
    assert not [name for name in logged if name.startswith(("http_", "cookie_", "sent_http_"))]


def test_what_mtail_reads_is_how_a_line_begins() -> None:
    text = texts()["nginx.conf"].partition("escape=json")[2].partition(";")[0]
    line = re.sub(r"'\s+'", "", text).strip().strip("'")
    for name, value in {"status": "200", "bytes_sent": "12", "request_time": "0.003"}.items():
        line = line.replace(f"${name},", f"{value},")
    line = line.replace("$time_iso8601", "2026-11-21T13:00:00+00:00").replace("$route", "llama_cpp")
    program = rendering.render("nginx/nginx.mtail.j2").decode()
    (pattern,) = re.findall(r"^/(.+)/ \{$", program, re.MULTILINE)
    found = re.match(pattern, line)
    assert found is not None
    assert found.groupdict() == {
        "route": "llama_cpp",
        "status": "200",
        "bytes": "12",
        "seconds": "0.003",
    }


@pytest.fixture
def store(tmp_path: Path) -> SecretStore:
    data = {"secret_store": str(tmp_path / "secrets"), "secret_identity": str(tmp_path / "id")}
    return secret_store.for_data(data)


def test_the_gateway_needs_the_password_that_it_asks_for() -> None:
    assert Nginx().secrets() == (ADMIN_PASSWORD,)


def test_a_password_is_kept_as_a_hash_that_is_the_same_at_every_run(store: SecretStore) -> None:
    store.ensure([LOCKED])
    logins, file = password_files([PROMETHEUS, LLAMA_CPP], store)
    assert [logins, file] == password_files([PROMETHEUS, LLAMA_CPP], store)
    assert (file.path, file.mode, file.group) == (
        "/etc/nginx/passwords/prometheus",
        "0640",
        "www-data",
    )
    assert file.secret
    password = store.get(LOCKED).get_secret_value()
    user, _, hashed = file.content.decode().strip().partition(":{SSHA}")
    digest = base64.b64decode(hashed)
    assert user == "admin"
    assert digest[:20] == hashlib.sha1(password.encode() + digest[20:]).digest()


def test_only_a_wrong_password_is_counted_against_its_client(store: SecretStore) -> None:
    store.ensure([LOCKED])
    logins = password_files([PROMETHEUS, ALERTMANAGER], store)[0]
    assert (logins.path, logins.mode, logins.secret) == (
        "/etc/nginx/keys/logins.conf",
        "0600",
        True,
    )
    shown = base64.b64encode(f"admin:{store.get(LOCKED).get_secret_value()}".encode()).decode()
    assert logins.content.decode().count(f'"~^Basic {re.escape(shown)}$" "";') == 1


def test_a_key_that_the_gateway_checks_is_for_root_alone(store: SecretStore) -> None:
    store.ensure(["triton/api-key"])
    (file,) = key_files(BEHIND, store)
    assert (file.path, file.mode, file.secret) == ("/etc/nginx/keys/triton.conf", "0600", True)
    key = store.get("triton/api-key").get_secret_value()
    assert f'"~^[Bb]earer {key}$" 1;' in file.content.decode()
    assert "    include keys/triton.conf;\n" in texts(found=BEHIND)["nginx.conf"]
    assert "keys/llama_cpp" not in texts(found=BEHIND)["nginx.conf"]


def test_settings_reach_the_configuration() -> None:
    text = texts(Nginx(upstream_timeout_seconds=7, client_max_body_mib=3))["nginx.conf"]
    assert "proxy_read_timeout 7s;" in text
    assert "client_max_body_size 3m;" in text


def test_all_paths_to_files_of_the_set_are_relative() -> None:
    assert not [
        line
        for text in texts().values()
        for line in text.splitlines()
        if line.strip().startswith(("include /", "ssl_certificate /", "ssl_certificate_key /"))
    ]


@pytest.mark.parametrize(
    ("text", "version"),
    [("1.26.3-3+deb13u7", (1, 26, 3)), ("1.22.1-9", (1, 22, 1)), ("1:1.30.4-1", (1, 30, 4))],
)
def test_a_package_version_is_compared_by_its_upstream_numbers(
    text: str, version: tuple[int, ...]
) -> None:
    assert parsed_version(text) == version


def test_a_version_that_is_none_is_named() -> None:
    with pytest.raises(
        DeployError, match="`` is no version of nginx; see `apt-cache policy nginx`"
    ):
        parsed_version("")


def test_the_key_is_secret_and_for_root_alone() -> None:
    files = tls_files(Leaf(b"certificate", SecretStr("key")), b"ca")
    assert [(f.path, f.mode) for f in files if f.secret] == [("/etc/nginx/tls/gateway.key", "0600")]


def test_the_certificate_of_the_authority_can_be_downloaded() -> None:
    files = {f.path: f for f in tls_files(Leaf(b"certificate", SecretStr("key")), b"ca")}
    assert files["/etc/nginx/status/ca.crt"].content == b"ca"
    assert "alias /etc/nginx/status/ca.crt;" in texts()["status.conf"]


def revision(*files: File) -> bytes:
    return with_revision(files)[-1].content


def test_the_revision_changes_with_any_content_and_path() -> None:
    one = File("/etc/nginx/one", b"1")
    revisions = {
        revision(one),
        revision(File("/etc/nginx/one", b"2")),
        revision(File("/etc/nginx/two", b"1")),
        revision(one, File("/etc/nginx/two", b"1")),
    }
    assert len(revisions) == 4


def test_the_revision_changes_with_a_rotated_key() -> None:
    one, other = (File("/etc/nginx/keys/one.conf", key, secret=True) for key in (b"1", b"2"))
    assert revision(one) != revision(other)


def test_metrics_are_served_at_the_address_of_the_host() -> None:
    found = {
        f.path: f.content.decode()
        for f in nginx_metrics.files("192.0.2.9", 9113)
        if isinstance(f, File)
    }
    lines = found["/etc/default/mtail"].splitlines()
    assert lines[1:] == [
        "LOGS=/var/log/nginx/access.log",
        "HOST=192.0.2.9",
        "PORT=9113",
        "EXTRA_ARGS=--emit_prog_label=false",
    ]


def test_logs_are_kept_as_long_as_declared() -> None:
    text = rendering.render("nginx/logrotate.j2", settings=Nginx(log_days=3)).decode()
    assert "    rotate 3\n" in text
