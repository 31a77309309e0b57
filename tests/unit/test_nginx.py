"""NGINX: what the configuration says for given settings, machines and versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import SecretStr
from pyinfra.api.exceptions import DeployError

from certificates import Leaf
from deploys.base import Base
from deploys.declarations import EVERYONE
from deploys.nginx import (
    Nginx,
    Route,
    configuration,
    host_names,
    parsed_version,
    tls_files,
    with_revision,
)
from deploys.topology import Machine
from operations.entries import File

LLAMA_CPP = Route("llama_cpp", ("192.0.2.1:8080", "192.0.2.2:8081"))
DEBIAN_12, DEBIAN_13 = (1, 22, 1), (1, 26, 3)


def machine(**settings: Any) -> Machine:
    return Machine("door", "192.0.2.9", ("nginx",), settings, {"domain": "example.home.arpa"})


def texts(
    settings: Nginx | None = None,
    routes: Sequence[Route] = (LLAMA_CPP,),
    version: tuple[int, ...] = DEBIAN_13,
) -> dict[str, str]:
    files = configuration(settings or Nginx(), machine(base=Base()), routes, version)
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


def test_the_gateway_is_called_by_the_names_of_its_role_and_by_its_own() -> None:
    base = Base(service_names={"gateway": "nginx", "chat": "nginx", "metrics": "prometheus"})
    assert host_names(machine(base=base)) == [
        "gateway.example.home.arpa",
        "chat.example.home.arpa",
        "door.example.home.arpa",
    ]


def test_without_base_the_gateway_has_its_own_name_only() -> None:
    assert host_names(machine()) == ["door.example.home.arpa"]


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


def test_a_route_without_a_server_is_left_out() -> None:
    found = texts(routes=())
    assert sorted(found) == ["nginx.conf", "security_headers.conf"]
    assert "llama" not in found["nginx.conf"]


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


def test_the_revision_says_nothing_of_a_secret() -> None:
    public = File("/etc/nginx/one", b"1")
    assert revision(public, File("/etc/nginx/key", b"key", secret=True)) == revision(public)
