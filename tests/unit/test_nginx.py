"""NGINX: what the configuration says for given settings, machines and versions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import Field, SecretStr
from pyinfra.api.exceptions import DeployError

import secret_store
from certificates import Leaf
from deploys.base import Base
from deploys.declarations import EVERYONE, Route
from deploys.nginx import (
    Nginx,
    Upstream,
    configuration,
    key_files,
    parsed_version,
    tls_files,
    upstreams,
    with_revision,
)
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from operations.entries import File

LLAMA_CPP = Upstream("llama_cpp", ("192.0.2.1:8080", "192.0.2.2:8081"))
TRITON = Upstream("triton", ("192.0.2.1:8010",), bearer_secret="triton/api-key")
BEHIND = [
    LLAMA_CPP,
    Upstream("vllm", ("192.0.2.1:8000",)),
    Upstream("embeddings", ("192.0.2.1:8090",)),
    TRITON,
]
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
    assert [(p.number, p.reachable_from) for p in Nginx().ports()] == [
        (80, (EVERYONE,)),
        (443, (EVERYONE,)),
    ]


@pytest.mark.parametrize("field", ["upstream_timeout_seconds", "client_max_body_mib"])
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
    upstream = texts()["nginx.conf"].partition("upstream llama_cpp {")[2].partition("}")[0]
    assert upstream.split() == ["server", "192.0.2.1:8080;", "server", "192.0.2.2:8081;"]


def test_without_an_upstream_there_is_no_route() -> None:
    found = texts(found=())
    assert sorted(found) == ["nginx.conf", "proxy.conf", "security_headers.conf"]
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
        Upstream("open", ("192.0.2.0:8010", "192.0.2.1:8010")),
        Upstream("guarded", ("192.0.2.1:1",), bearer_secret="guarded/api-key"),
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


def test_triton_is_never_shown_the_key_that_the_gateway_asked_for() -> None:
    text = texts(found=BEHIND)["routes/triton.conf"]
    assert text.count("proxy_pass") == text.count('proxy_set_header Authorization "";')


def test_a_key_that_the_gateway_checks_is_for_root_alone(tmp_path: Path) -> None:
    data = {"secret_store": str(tmp_path / "secrets"), "secret_identity": str(tmp_path / "id")}
    store = secret_store.for_data(data)
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
