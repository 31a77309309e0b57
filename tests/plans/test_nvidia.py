"""NVIDIA on a bare host: what comes before what, and that a refused host is left as it is."""

from __future__ import annotations

import re
from typing import Any

import pytest

from deploys import nvidia
from deploys.nvidia import Nvidia
from deploys.nvidia_repository import SOURCES
from tests.fake_host import Run, run

GRAPHICS = "/sys/bus/pci/devices"
BARE = [
    *("kernel\t6.12.48+deb13-amd64", "card\t0000:01:00.0", "nouveau", "headers\toffered"),
    *("kernels\tlinux-image-amd64", "end"),
]
FOREIGN = "foreign\tnvidia-kernel-dkms\t550.163.01-2\thttp://mirror.example/debian"


def roll_out(graphics: list[str] = BARE, distribution: str = "debian", **answers: Any) -> Run:
    known: dict[str, Any] = {
        "/etc/os-release": [f"ID={distribution}", 'VERSION_ID="13"'],
        "service_state()": source_states(),
        "names=$(cat)": ["will\tdemo\t1.0", "end"],
        "wanted=$(cat)": ["end"],
        "module=/proc/driver": ["end"],
        GRAPHICS: graphics,
    }
    settings = Nvidia(driver_version="580.159.04", reboot_seconds=30)
    return run(nvidia.install, {**answers, **known}, {"nvidia": settings}, groups=("nvidia",))


def source_states() -> list[str]:
    """Two repositories of which the host has nothing yet, and whose keys are the pinned ones."""
    states = (["source\t" + name, "end", "key\tYQ=="] for name in SOURCES)
    return [*(line for state in states for line in state), "end of sources"]


def steps(outcome: Run) -> list[str]:
    """The steps that change something, by what they run."""
    marks = {
        "services/apt-nvidia-cuda/transaction/transaction.sh start": "add the driver's repository",
        "services/apt-nvidia-container-toolkit/transaction/transaction.sh start": "add the other",
        "services/nvidia/transaction/transaction.sh start": "land nvidia",
        "systemctl reboot": "reboot",
        "action=load\n": "load",
        "action=specify\n": "specify",
    }
    marks |= dict(zip(installations(outcome), ("install headers", "install driver"), strict=True))
    return [name for command in outcome.commands for mark, name in marks.items() if mark in command]


def installations(outcome: Run) -> list[str]:
    return [command for command in outcome.commands if "action=install" in command]


def variable(command: str, name: str) -> list[str]:
    """The words that a script is given under `name`; it is quoted within a quoted text."""
    line: str
    (line,) = re.findall(rf"^{name}=(.*)$", command, re.MULTILINE)
    return line.replace("'", "").replace('"', "").split()


def test_the_module_is_built_with_its_headers_and_loaded_after_nouveau_is_kept_off() -> None:
    outcome = roll_out()
    assert outcome.succeeded
    assert steps(outcome) == [
        *("add the driver's repository", "add the other", "install headers", "install driver"),
        *("land nvidia", "load", "specify"),
    ]


def test_the_driver_is_held_and_the_headers_follow_their_kernels() -> None:
    held = [variable(text, "hold") for text in installations(roll_out())]
    headers, driver = held
    assert headers == []
    assert {"nvidia-kernel-open-dkms", "nvidia-container-toolkit"} <= set(driver)


@pytest.mark.parametrize(
    ("graphics", "distribution", "said"),
    [
        ([BARE[0], *BARE[2:]], "debian", "there is no NVIDIA card on its PCI bus"),
        (["secure-boot", *BARE], "debian", "Secure Boot is on"),
        ([*BARE[:3], "headers\tmissing", "end"], "debian", "whose headers are neither here nor"),
        ([FOREIGN, *BARE], "debian", "a driver that is not from NVIDIA's repository"),
        (BARE, "fedora", "NVIDIA has no repository for fedora 13"),
    ],
)
def test_a_host_with_an_obstacle_is_refused_before_anything_is_touched(
    graphics: list[str], distribution: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    outcome = roll_out(graphics, distribution)
    assert not outcome.succeeded
    assert len(outcome.commands) == 2
    assert said in caplog.text
