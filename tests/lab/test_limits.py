"""Limits: a plan and a run keep to the hosts, groups and roles that they were told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.conftest import (
    INVENTORY,
    apply,
    changed,
    plan,
    plan_command,
    pyinfra,
    repair,
    shell,
)

GATEWAY, GRAFANA = "sclimers-gateway", "sclimers-grafana"
SERVER, JETSON = "schlimers-server", "jetson"
HOSTS_FILE, NGINX = ("file", "modify", "/etc/hosts"), ("file", "modify", "/etc/nginx/nginx.conf")
ROLE = "deploys.base.install"
"""What a host has of the file that differs."""

BY_HAND = "echo '# by hand' >>/etc/hosts"
MISSPELT = "sclimers-gatway"


@pytest.fixture(autouse=True)
def _drifted() -> Iterator[None]:
    """Four hosts differ, so that a limit that is not kept shows."""
    for host in (GATEWAY, GRAFANA, SERVER, JETSON):
        shell(host, f"grep -q '# by hand' /etc/hosts || {BY_HAND}")
    yield


@pytest.fixture(scope="module", autouse=True)
def _repaired() -> Iterator[None]:
    yield
    repair(GATEWAY, GRAFANA, SERVER, JETSON, deploy=ROLE)


@pytest.mark.parametrize(
    ("limit", "hosts"),
    [
        pytest.param((GATEWAY,), {GATEWAY}, id="a host"),
        pytest.param(("docker",), {SERVER, JETSON}, id="a group"),
        pytest.param((GATEWAY, "docker"), {GATEWAY, SERVER, JETSON}, id="a host and a group"),
        pytest.param(("sclimers-g*",), {GATEWAY, GRAFANA}, id="a pattern"),
    ],
)
def test_a_plan_keeps_to_its_limit(limit: tuple[str, ...], hosts: set[str]) -> None:
    found = plan(*limit, deploy=ROLE)
    assert changed(found) == {host: {HOSTS_FILE} for host in hosts}
    assert found.exit_code == 2


def test_a_run_keeps_to_its_limit() -> None:
    done = apply(GATEWAY)
    assert done.returncode == 0, done.stderr
    assert changed(plan(deploy=ROLE)) == {host: {HOSTS_FILE} for host in (GRAFANA, SERVER, JETSON)}


def test_one_role_alone_changes_nothing_of_the_others() -> None:
    shell(GATEWAY, "echo '# by hand' >>/etc/nginx/nginx.conf")
    assert changed(plan("nginx"))[GATEWAY] == {HOSTS_FILE, NGINX}
    done = pyinfra("-y", INVENTORY, "deploys.nginx.install", "--limit", "nginx")
    assert done.returncode == 0, done.stderr
    assert changed(plan("nginx"))[GATEWAY] == {HOSTS_FILE}


def test_one_role_alone_can_be_planned() -> None:
    found = plan("llama_cpp", deploy="deploys.llama_cpp.install")
    assert (found.exit_code, found.hosts) == (0, {})


def test_a_misspelt_host_is_refused_before_any_connection() -> None:
    logins = _logins()
    done = pyinfra("-y", INVENTORY, "deploy.py", "--limit", MISSPELT)
    assert done.returncode != 0
    assert f"--limit {MISSPELT}: matches no host and no role" in done.stderr
    assert f"did you mean {GATEWAY}" in done.stderr
    assert "Traceback" not in done.stderr
    assert _logins() == logins


def test_a_misspelt_host_beside_a_right_one_is_refused_too() -> None:
    logins = _logins()
    done = plan_command("--limit", GATEWAY, "--limit", MISSPELT)
    assert done.returncode == 1
    assert f"--limit {MISSPELT}: matches no host and no role" in done.stderr
    assert _logins() == logins


def test_the_count_of_logins_would_show_a_connection() -> None:
    logins = _logins()
    plan(GATEWAY)
    assert _logins() > logins


def _logins() -> int:
    """How often somebody has logged in to the gateway since it booted."""
    return int(shell(GATEWAY, "journalctl --unit ssh | grep -c 'Accepted publickey' || :"))
