"""Docker: the engine runs with our configuration, and Compose is there for the stacks."""

from __future__ import annotations

import json
from ipaddress import IPv4Network
from typing import Any

import pytest
from testinfra.host import Host

from deploys.docker import DAEMON, Docker

SHOW_ON_FAILURE = ("journalctl --unit docker --lines 20 --no-pager",)


@pytest.fixture
def engine(host: Host) -> Any:
    """What the engine says of itself."""
    return json.loads(host.check_output("docker info --format '{{json .}}'"))


def test_the_engine_starts_with_the_host_and_runs(host: Host) -> None:
    service = host.service("docker")
    assert service.is_running
    assert service.is_enabled


def test_the_configuration_on_disk_is_ours(host: Host, settings: Docker) -> None:
    assert json.loads(host.file(DAEMON).content_string) == settings.daemon()


def test_containers_outlive_a_restart_of_the_engine(engine: Any, settings: Docker) -> None:
    assert engine["LiveRestoreEnabled"] == settings.keep_containers_running


def test_the_address_pool_is_in_force(engine: Any, settings: Docker) -> None:
    pool = {"Base": str(settings.address_pool), "Size": settings.network_prefix_bits}
    assert engine["DefaultAddressPools"] == [pool]


def test_devices_can_be_given_by_cdi(engine: Any) -> None:
    assert engine["CDISpecDirs"]


def test_no_container_network_has_the_address_of_a_host(host: Host, settings: Docker) -> None:
    command = (
        "docker network inspect $(docker network ls --quiet --filter driver=bridge)"
        " --format '{{range .IPAM.Config}}{{.Subnet}} {{end}}'"
    )
    subnets = host.check_output(command).split()
    assert subnets
    assert all(IPv4Network(subnet).subnet_of(settings.address_pool) for subnet in subnets)


def test_logs_of_containers_are_rotated(host: Host, settings: Docker) -> None:
    command = "docker inspect $(docker ps --quiet) --format '{{json .HostConfig.LogConfig}}'"
    expected = {"Type": "json-file", "Config": settings.daemon()["log-opts"]}
    running = host.check_output("docker ps --quiet")
    configured = host.check_output(command).splitlines() if running else []
    assert all(json.loads(line) == expected for line in configured)


def test_compose_is_the_plugin_of_the_engine(host: Host) -> None:
    assert host.check_output("docker compose version --short").lstrip("v").startswith("2.")


def test_only_root_gives_orders(host: Host) -> None:
    socket = host.file("/run/docker.sock")
    assert (socket.user, socket.group, socket.mode & 0o007) == ("root", "docker", 0)
    members = host.check_output("getent group docker").rpartition(":")[2]
    assert members == ""
