"""DCGM exporter: it measures the card, and can do little else."""

from __future__ import annotations

import csv
import json
from typing import Any

import pytest
from testinfra.host import Host

from deploys.dcgm_exporter import PROJECT, SERVICE, USER, DcgmExporter
from deploys.topology import Machine

CONTAINER = (
    f"$(docker ps --quiet --filter label=com.docker.compose.project={PROJECT}"
    f" --filter label=com.docker.compose.service={SERVICE})"
)
SHOW_ON_FAILURE = (
    f"docker logs --tail 30 {CONTAINER}",
    f"docker ps --all --filter label=com.docker.compose.project={PROJECT}",
    "ls -l /var/run/cdi",
)


@pytest.fixture
def metrics(host: Host, machine: Machine, settings: DcgmExporter) -> str:
    """The answer that Prometheus gets."""
    answer = host.check_output(f"curl -fsS http://{machine.address}:{settings.port}/metrics")
    return str(answer)


@pytest.fixture
def container(host: Host) -> Any:
    """The running container as Docker has it."""
    (found,) = json.loads(host.check_output(f"docker inspect {CONTAINER}"))
    return found


def samples(metrics: str, field: str) -> list[float]:
    """The values of a field, one for each card."""
    lines = [line for line in metrics.splitlines() if line.startswith(f"{field}{{")]
    return [float(line.rpartition(" ")[2]) for line in lines]


def test_every_card_has_a_temperature(metrics: str, settings: DcgmExporter) -> None:
    found = samples(metrics, "DCGM_FI_DEV_GPU_TEMP")
    assert len(found) == len(settings.cards)
    assert all(10 < celsius < 110 for celsius in found)


def test_memory_is_counted_in_mebibytes(metrics: str) -> None:
    parts = [samples(metrics, f"DCGM_FI_DEV_FB_{part}") for part in ("FREE", "USED", "RESERVED")]
    for free, used, reserved in zip(*parts, strict=True):
        assert 4_000 < free + used + reserved < 200_000


def test_every_line_says_which_card_and_driver_it_is_about(metrics: str) -> None:
    for line in metrics.splitlines():
        if not line.startswith("#"):
            assert 'gpu="' in line
            assert 'UUID="GPU-' in line
            assert 'DCGM_FI_DRIVER_VERSION="' in line
            assert "ostname=" not in line


def test_it_exports_the_declared_fields_and_no_others(metrics: str, settings: DcgmExporter) -> None:
    text = settings.counters().decode().splitlines()
    rows = csv.reader(line for line in text if not line.startswith("#"))
    declared = {row[0].strip() for row in rows}
    exported = {line.split()[2] for line in metrics.splitlines() if line.startswith("# TYPE")}
    assert exported <= declared
    assert "DCGM_FI_DEV_POWER_USAGE" in exported


def test_it_runs_the_image_of_the_settings(container: Any, settings: DcgmExporter) -> None:
    assert container["Config"]["Image"] == settings.image


def test_it_is_nobody_without_any_capability(host: Host, container: Any) -> None:
    status = host.check_output(f"cat /proc/{container['State']['Pid']}/status")
    fields = dict(line.split(":", 1) for line in status.splitlines())
    assert fields["Uid"].split() == [USER] * 4
    assert int(fields["CapEff"], 16) == 0
    assert fields["NoNewPrivs"].strip() == "1"


def test_it_writes_nowhere_but_into_its_own_memory(container: Any) -> None:
    assert container["HostConfig"]["ReadonlyRootfs"]
    assert list(container["HostConfig"]["Tmpfs"]) == ["/tmp"]
    assert not [mount["Destination"] for mount in container["Mounts"] if mount["RW"]]


def test_it_takes_no_more_of_the_host_than_it_was_given(
    container: Any, settings: DcgmExporter
) -> None:
    limits = container["HostConfig"]
    assert limits["Memory"] == limits["MemorySwap"] == settings.memory_limit_mib * 1024 * 1024
    assert limits["PidsLimit"] > 0


def test_it_has_the_cards_of_the_settings(container: Any, settings: DcgmExporter) -> None:
    (request,) = container["HostConfig"]["DeviceRequests"]
    assert request["Driver"] == "cdi"
    assert request["DeviceIDs"] == [f"nvidia.com/gpu={card}" for card in settings.cards]


def test_it_cannot_reach_the_engine(container: Any) -> None:
    assert not [mount for mount in container["Mounts"] if "docker.sock" in mount["Source"]]


def test_it_listens_on_the_address_of_the_host_alone(
    container: Any, machine: Machine, settings: DcgmExporter
) -> None:
    published = [
        (binding["HostIp"], binding["HostPort"])
        for bindings in container["NetworkSettings"]["Ports"].values()
        for binding in bindings or ()
    ]
    assert published == [(machine.address, str(settings.port))]
