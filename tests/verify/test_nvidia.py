"""NVIDIA: the pinned driver has the card, keeps it, and gives it to containers."""

from __future__ import annotations

import pytest
from testinfra.host import Host

from deploys.nvidia import GUARD, UNITS, Nvidia
from deploys.nvidia_repository import CONTAINER_TOOLKIT
from deploys.topology import Machine

SHOW_ON_FAILURE = (
    "nvidia-smi",
    "dkms status",
    "nvidia-ctk cdi list",
    f"journalctl --unit {GUARD} --unit nvidia-cdi-refresh --lines 20 --no-pager",
)
VERSION = "/proc/driver/nvidia/version"


def test_the_loaded_driver_is_the_pinned_one_with_its_open_module(
    host: Host, settings: Nvidia
) -> None:
    loaded = host.file(VERSION).content_string.splitlines()[0]
    assert "Open Kernel Module" in loaded
    assert f" {settings.driver_version} " in loaded


def test_the_module_was_built_for_the_kernel_that_runs(host: Host, settings: Nvidia) -> None:
    kernel = host.check_output("uname -r")
    status = host.check_output("dkms status").splitlines()
    assert [line for line in status if settings.driver_version in line and kernel in line]


def test_no_other_driver_is_in_the_kernel(host: Host) -> None:
    assert not host.file("/sys/module/nouveau/initstate").exists


def test_the_cards_are_those_of_the_inventory(host: Host, machine: Machine) -> None:
    command = "nvidia-smi --query-gpu=name,memory.total --format=csv,noheader,nounits"
    found = [line.split(", ") for line in host.check_output(command).splitlines()]
    assert found
    if machine.hardware:
        declared = [[card.name, str(card.memory_mib)] for card in machine.hardware.gpus]
        assert found == declared


def test_every_card_is_described_to_containers(host: Host) -> None:
    cards = host.check_output("nvidia-smi -L").splitlines()
    listed = host.check_output("nvidia-ctk cdi list 2>/dev/null").splitlines()
    assert {f"nvidia.com/gpu={number}" for number, _ in enumerate(cards)} <= set(listed)


def test_apt_leaves_the_driver_and_the_toolkit_as_they_are(host: Host) -> None:
    held = set(host.check_output("apt-mark showhold").split())
    assert set(CONTAINER_TOOLKIT) <= held
    assert {name for name in held if "dkms" in name}


def test_the_whole_toolkit_has_the_pinned_version(host: Host, settings: Nvidia) -> None:
    versions = {host.package(name).version for name in CONTAINER_TOOLKIT}
    assert versions == {settings.container_toolkit_version}


def test_a_container_that_asks_for_the_card_gets_it(host: Host, machine: Machine) -> None:
    if "docker" not in machine.groups:
        pytest.skip("it runs no containers")
    images = host.check_output("docker image ls --quiet").split()
    assert images, "there is no image to try it with"
    given = host.check_output(
        "docker run --rm --network none --read-only --device nvidia.com/gpu=0"
        f" --entrypoint nvidia-smi {images[0]} -L"
    )
    assert given == host.check_output("nvidia-smi -L").splitlines()[0]


def test_no_container_has_lost_its_card(host: Host) -> None:
    assert host.run(f"systemctl start {GUARD}.service").rc == 0
    assert host.file("/var/lib/ai-idp/gpu-guard/lost").content_string == ""


@pytest.mark.parametrize("unit", UNITS)
def test_what_keeps_the_card_there_runs_and_starts_with_the_host(host: Host, unit: str) -> None:
    service = host.service(unit)
    assert service.is_running
    assert service.is_enabled
