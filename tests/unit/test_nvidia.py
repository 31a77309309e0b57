"""NVIDIA's settings: what is refused, what is installed where, and what the host is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from deploys import nvidia
from deploys.hardware import Gpu, Hardware
from deploys.nvidia import Nvidia
from deploys.nvidia_preflight import obstacle
from deploys.nvidia_repository import (
    REPOSITORIES,
    driver_packages,
    driver_source,
    kernel_headers,
    toolkit_source,
)
from deploys.topology import Machine, Topology
from facts.distribution import Linux
from facts.graphics import Foreign, Graphics

SETTINGS = Nvidia(driver_version="580.159.04")
DEBIAN, UBUNTU = Linux("debian", "13"), Linux("ubuntu", "24.04")
SOUND = Graphics(
    kernel="6.12.48+deb13-amd64", cards=("0000:01:00.0",), nouveau=True, headers="present"
)


def test_the_branch_is_that_of_the_driver() -> None:
    assert SETTINGS.branch == 580


def test_a_driver_older_than_cuda_13_is_refused() -> None:
    with pytest.raises(ValidationError) as refused:
        Nvidia(driver_version="570.172.08")
    assert (
        "570.172.08 is of branch 570; the images are built with CUDA 13, which needs 580 at least; "
        "set a driver of 580 or newer" in str(refused.value)
    )


def test_neither_cuda_nor_cudnn_is_installed_unasked() -> None:
    unasked = nvidia.package_names(SETTINGS, DEBIAN)
    assert not [name for name in unasked if name.startswith("cu")]
    asked = nvidia.package_names(SETTINGS.model_copy(update={"cuda_toolkit": True}), DEBIAN)
    assert set(asked) - set(unasked) == {"cuda-toolkit-13-0", "cudnn9-cuda-13"}


@pytest.mark.parametrize(
    ("linux", "branch", "flavour", "names"),
    [
        (DEBIAN, 580, "compute", "nvidia-driver-cuda nvidia-kernel-open-dkms"),
        (DEBIAN, 580, "desktop", "nvidia-driver nvidia-driver-cuda nvidia-kernel-open-dkms"),
        (UBUNTU, 580, "compute", "libnvidia-compute-580 nvidia-dkms-580-open nvidia-utils-580"),
        (
            *(UBUNTU, 580, "desktop"),
            "nvidia-driver-580-open libnvidia-compute-580 nvidia-dkms-580-open nvidia-utils-580",
        ),
        (UBUNTU, 590, "compute", "libnvidia-compute nvidia-dkms-open nvidia-utils"),
    ],
)
def test_the_driver_has_the_open_module_under_the_names_of_its_repository(
    linux: Linux, branch: int, flavour: str, names: str
) -> None:
    assert list(driver_packages(linux, branch, flavour)) == names.split()


@pytest.mark.parametrize(
    ("linux", "folder", "key_file", "fingerprint"),
    [
        (
            *(("debian", "12"), "debian12", "3bf863cc.pub"),
            "EB693B3035CD5710E231E123A4B469963BF863CC",
        ),
        (
            *(("debian", "13"), "debian13", "8793F200.pub"),
            "02182E60104FCDC26EAE1B8597A5D4CB8793F200",
        ),
        (
            *(("ubuntu", "22.04"), "ubuntu2204", "3bf863cc.pub"),
            "EB693B3035CD5710E231E123A4B469963BF863CC",
        ),
        (
            *(("ubuntu", "24.04"), "ubuntu2404", "3bf863cc.pub"),
            "EB693B3035CD5710E231E123A4B469963BF863CC",
        ),
    ],
)
def test_each_distribution_has_its_repository_and_key(
    linux: tuple[str, str], folder: str, key_file: str, fingerprint: str
) -> None:
    source = driver_source(REPOSITORIES[linux], "580.159.04")
    uri = f"https://developer.download.nvidia.com/compute/cuda/repos/{folder}/x86_64/"
    assert (source.uri, source.suite) == (uri, "/")
    assert (source.key_url, source.key_fingerprint) == (f"{uri}{key_file}", fingerprint)


def test_the_driver_is_pinned_above_every_other_version_and_source() -> None:
    preferences = driver_source(REPOSITORIES["debian", "13"], "580.159.04").preferences
    packages, *rest = preferences.splitlines()
    assert packages.startswith(
        "Package: src:*nvidia*:any src:cuda-drivers:any src:cuda-compat:any *nvidia* "
    )
    assert rest == ["Pin: version 580.159.04-*", "Pin-Priority: 1001"]


def test_the_whole_container_toolkit_has_one_version() -> None:
    assert toolkit_source("1.20.0-1").preferences == (
        "Package: nvidia-container-toolkit nvidia-container-toolkit-base"
        " libnvidia-container-tools libnvidia-container1\n"
        "Pin: version 1.20.0-1\nPin-Priority: 1001\n"
    )


def test_another_fingerprint_replaces_the_known_one() -> None:
    other = SETTINGS.model_copy(
        update={"driver_key_fingerprint": "A" * 40, "toolkit_key_fingerprint": "B" * 40}
    )
    found = nvidia.package_sources(other, REPOSITORIES["debian", "13"])
    assert [source.key_fingerprint for source in found] == ["A" * 40, "B" * 40]


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, ()),
        ({"headers": "offered"}, ("linux-headers-6.12.48+deb13-amd64",)),
        ({"kernels": ("linux-image-amd64",)}, ("linux-headers-amd64",)),
        (
            {"kernels": ("linux-image-generic-hwe-24.04",)},
            ("linux-headers-generic-hwe-24.04",),
        ),
        (
            {
                "kernel": "6.17.2-1-pve",
                "headers": "offered",
                "kernels": ("proxmox-default-kernel",),
            },
            ("proxmox-headers-6.17.2-1-pve", "proxmox-default-headers"),
        ),
    ],
)
def test_this_kernel_and_those_to_come_get_their_headers(
    changes: dict[str, Any], names: tuple[str, ...]
) -> None:
    assert kernel_headers(replace(SOUND, **changes)) == names


@pytest.mark.parametrize("headers", ["present", "offered"])
@pytest.mark.parametrize("linux", [Linux(*known) for known in REPOSITORIES])
def test_nothing_stands_in_the_way_of_a_sound_host(linux: Linux, headers: str) -> None:
    assert obstacle(linux, replace(SOUND, headers=headers)) == ""


def test_secure_boot_with_an_enrolled_key_is_no_obstacle() -> None:
    assert obstacle(DEBIAN, replace(SOUND, secure_boot=True, key_enrolled=True)) == ""


@pytest.mark.parametrize(
    ("linux", "changes", "said"),
    [
        (
            *(Linux("debian", "11"), {}),
            "NVIDIA has no repository for debian 11 that this role knows; install one of debian 12,"
            " debian 13, ubuntu 22.04, ubuntu 24.04, or take the host out of `nvidia`",
        ),
        (
            *(Linux("arch", ""), {}),
            "NVIDIA has no repository for arch of no version that this role knows; install one of "
            "debian 12, debian 13, ubuntu 22.04, ubuntu 24.04, or take the host out of `nvidia`",
        ),
        (
            *(DEBIAN, {"cards": ()}),
            "there is no NVIDIA card on its PCI bus (lspci -d 10de:); seat the card, switch its "
            "slot on in the firmware, or take the host out of `nvidia`",
        ),
        (
            *(DEBIAN, {"secure_boot": True}),
            "Secure Boot is on and the key that DKMS signs modules with is not enrolled, so the "
            "kernel would not load the driver. As root: apt-get install dkms mokutil; "
            "dkms generate_mok; mokutil --import /var/lib/dkms/mok.pub; it asks for a password. "
            "Then reboot, choose Enroll MOK on the blue screen, and give that password. "
            "Or switch Secure Boot off in the firmware",
        ),
        (
            *(UBUNTU, {"secure_boot": True}),
            "Secure Boot is on and the key that DKMS signs modules with is not enrolled, so the "
            "kernel would not load the driver. As root: apt-get install shim-signed mokutil; "
            "update-secureboot-policy --new-key; "
            "mokutil --import /var/lib/shim-signed/mok/MOK.der; it asks for a password. "
            "Then reboot, choose Enroll MOK on the blue screen, and give that password. "
            "Or switch Secure Boot off in the firmware",
        ),
        (
            *(DEBIAN, {"headers": "missing"}),
            "the module is built for the kernel 6.12.48+deb13-amd64, whose headers are neither "
            "here nor offered by apt (linux-headers-6.12.48+deb13-amd64); reboot into the newest "
            "installed kernel (apt-get dist-upgrade brings one with its headers) and run this "
            "again",
        ),
        (
            *(DEBIAN, {"run_file": True}),
            "a driver of NVIDIA's .run installer is here, whose files packages would be mixed "
            "with; as root: nvidia-uninstall, then reboot",
        ),
        (
            UBUNTU,
            {
                "foreign": (
                    Foreign(
                        "nvidia-driver-580-open",
                        "580.173.02-0ubuntu0.24.04.1",
                        "http://archive.ubuntu.com/ubuntu",
                    ),
                    Foreign(
                        "nvidia-dkms-580-open",
                        "580.173.02-0ubuntu0.24.04.1",
                        "http://archive.ubuntu.com/ubuntu",
                    ),
                )
            },
            "it has a driver that is not from NVIDIA's repository (nvidia-driver-580-open "
            "580.173.02-0ubuntu0.24.04.1 from http://archive.ubuntu.com/ubuntu), and two sources "
            "do not mix; as root: apt-get purge nvidia-driver-580-open nvidia-dkms-580-open; "
            "apt-get autoremove --purge",
        ),
    ],
)
def test_what_stands_in_the_way_is_said_with_the_way_out(
    linux: Linux, changes: dict[str, Any], said: str
) -> None:
    assert obstacle(linux, replace(SOUND, **changes)) == said


def test_nouveau_is_kept_off_only_where_the_kernel_has_it() -> None:
    path = "/etc/modprobe.d/ai-idp-nvidia.conf"
    with_it = {entry.path: entry for entry in nvidia.entries(SETTINGS, SOUND)}
    without = {entry.path for entry in nvidia.entries(SETTINGS, replace(SOUND, nouveau=False))}
    assert b"blacklist nouveau\n" in with_it[path].content  # type: ignore[union-attr]
    assert set(with_it) - without == {path}


@pytest.mark.parametrize(
    ("card", "known"),
    [
        ("NVIDIA GeForce RTX 5070 Ti", True),
        ("NVIDIA GeForce GTX 1650", True),
        ("NVIDIA GeForce GTX 1080 Ti", False),
        ("NVIDIA GeForce GTX 970", False),
        ("Tesla P40", False),
        ("Tesla T4", True),
    ],
)
def test_a_card_that_the_open_module_does_not_know_is_a_conflict(card: str, known: bool) -> None:
    machine = _machine(Gpu(name=card, memory_mib=8192))
    found = SETTINGS.conflicts(machine, Topology((machine,), ()))
    said = f"the open kernel module does not know its {card}, which is older than Turing"
    assert [conflict.what for conflict in found] == ([] if known else [said])


def test_a_machine_that_is_said_to_have_no_card_is_a_conflict() -> None:
    machine = _machine()
    (conflict,) = SETTINGS.conflicts(machine, Topology((machine,), ()))
    assert conflict.what == "its `hardware` has no graphics card"


def test_a_machine_of_which_nothing_is_said_is_none() -> None:
    machine = Machine("one", "192.0.2.1", (), {}, {})
    assert SETTINGS.conflicts(machine, Topology((machine,), ())) == ()


def _machine(*cards: Gpu) -> Machine:
    hardware = Hardware(physical_cores=12, memory_gib=128, disk_gib=1000, gpus=cards)
    return Machine("one", "192.0.2.1", (), {}, {"hardware": hardware})
