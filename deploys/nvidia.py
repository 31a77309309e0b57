"""NVIDIA: the driver with its open kernel module, and what gives the card to containers.

Listens on nothing. A new module is loaded by a reboot, which the run waits for. A guard on the host
makes anew what containers have lost their card.
"""

from __future__ import annotations

import re
from typing import ClassVar, Literal

from pydantic import Field, field_validator
from pyinfra import host
from pyinfra.api.deploy import deploy

from deploys.declarations import Conflict
from deploys.node_exporter import TEXTFILES
from deploys.nvidia_preflight import obstacle
from deploys.nvidia_repository import (
    CONTAINER_TOOLKIT,
    CUDA_TOOLKIT,
    SOURCES,
    Repository,
    driver_packages,
    driver_source,
    kernel_headers,
    repository,
    toolkit_source,
)
from deploys.refusal import refuse
from deploys.rendering import render
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from facts.distribution import Distribution, Linux
from facts.driver import DriverState
from facts.graphics import Graphics, GraphicsState
from facts.sources import Source
from operations import driver, packages, retirement, service, sources
from operations.entries import Directory, Entry, File
from operations.transaction import STATE, Steps

GUARD = "ai-idp-gpu-guard"
REFRESH = "nvidia-cdi-refresh"
UNITS = (f"{REFRESH}.path", f"{GUARD}.timer")
BOOT_UNITS = (f"{REFRESH}.service", f"{GUARD}.service")
OLDEST_BRANCH = 580

_BEFORE_TURING = re.compile(
    r"GTX (7|9|10)\d\d\b|GTX 10\d\d\b|TITAN (X|V)|Tesla [KMPV]\d|Quadro [KMP]\d"
)


class Nvidia(Settings):
    """Which driver a host has, and how its containers keep the card."""

    role: ClassVar[str] = "nvidia"

    driver_version: str = Field(
        pattern=r"^\d{3}\.\d+(\.\d+)?$",
        description="the driver; its first number is the branch. Another one means a reboot",
    )
    flavour: Literal["compute", "desktop"] = Field(
        default="compute", description="`desktop` brings what a monitor at the card needs too"
    )
    container_toolkit_version: str = Field(
        default="1.20.0-1", description="of NVIDIA's container toolkit, all of its packages"
    )
    cuda_toolkit: bool = Field(
        default=False,
        description="CUDA 13.0 and cuDNN 9 on the host itself, to compile there; containers bring "
        "their own and need neither",
    )
    guard_seconds: int = Field(
        default=60, ge=10, description="how often each container is asked for its card"
    )
    recreations_per_hour: int = Field(
        default=3,
        ge=1,
        description="how often the guard makes a container anew, or fails to start it, at most",
    )
    reboot_seconds: int = Field(
        default=600, ge=30, description="time for the host to come back from a reboot"
    )
    driver_key_fingerprint: str = Field(
        default="", description="key of the driver's repository; empty: the one known for it"
    )
    toolkit_key_fingerprint: str = Field(
        default="", description="key of the container toolkit's; empty: the one known for it"
    )

    @field_validator("driver_version")
    @classmethod
    def _runs_the_images(cls, version: str) -> str:
        branch = int(version.partition(".")[0])
        if branch < OLDEST_BRANCH:
            raise ValueError(
                f"{version} is of branch {branch}; the images are built with CUDA 13, which needs "
                f"{OLDEST_BRANCH} at least; set a driver of {OLDEST_BRANCH} or newer"
            )
        return version

    @property
    def branch(self) -> int:
        """580 of 580.159.04: what a driver is compatible within."""
        return int(self.driver_version.partition(".")[0])

    def conflicts(self, machine: Machine, topology: Topology) -> tuple[Conflict, ...]:
        """The open module knows no card older than Turing, and there is no other one here."""
        cards = machine.hardware.gpus if machine.hardware else ()
        if machine.hardware and not cards:
            return (
                Conflict(
                    "its `hardware` has no graphics card",
                    "name its card there, or take the host out of `nvidia` in inventory.py",
                ),
            )
        return tuple(
            Conflict(
                f"the open kernel module does not know its {card.name}, which is older than Turing",
                "take the host out of `nvidia` in inventory.py",
            )
            for card in cards
            if _BEFORE_TURING.search(card.name)
        )


@deploy("NVIDIA")
def install() -> None:
    settings = Nvidia.of(host)
    linux, found = host.get_fact(Distribution), host.get_fact(GraphicsState)
    if linux is None or found is None:
        # pyinfra has failed this host already; nothing is planned from what was not read.
        return
    where = repository(linux)
    reason = obstacle(linux, found)
    if reason or where is None:
        refuse(reason)
        return
    origins = package_sources(settings, where)
    sources.present(name="Have NVIDIA's repositories", sources=origins)
    packages.installed(name="Install the kernel's headers", packages=kernel_headers(found))
    packages.installed(
        name="Install driver and container toolkit",
        packages=package_names(settings, linux),
        sources=origins,
        held=True,
    )
    service.deployed(
        name="Deploy what goes around the driver",
        service="nvidia",
        entries=entries(settings, found),
        units=UNITS,
        boot_units=BOOT_UNITS,
        steps=_steps(found),
    )
    driver.in_force(
        name="Load the driver",
        version=settings.driver_version,
        reboot_seconds=settings.reboot_seconds,
    )
    driver.specified(name="Describe the card to containers", version=settings.driver_version)


@deploy("Remove NVIDIA")
def remove() -> None:
    """Take driver and guard off; the module that is loaded stays until the next reboot."""
    linux, state = host.get_fact(Distribution), host.get_fact(DriverState)
    if linux is None or state is None:
        return
    retirement.service_removed(
        name="Remove the guard", service="nvidia", units=[*UNITS, f"{GUARD}.service"]
    )
    branch = int((state.loaded or str(OLDEST_BRANCH)).partition(".")[0])
    names = (*driver_packages(linux, branch, "desktop"), *CONTAINER_TOOLKIT)
    packages.removed(name="Remove driver and container toolkit", packages=names)
    sources.removed(name="Remove NVIDIA's repositories", names=SOURCES)


def package_sources(settings: Nvidia, where: Repository) -> list[Source]:
    """The two repositories, each with the versions that are wanted of it above all others."""
    return [
        driver_source(where, settings.driver_version, settings.driver_key_fingerprint),
        toolkit_source(settings.container_toolkit_version, settings.toolkit_key_fingerprint),
    ]


def package_names(settings: Nvidia, linux: Linux) -> list[str]:
    """Everything that is held in its version."""
    return [
        *driver_packages(linux, settings.branch, settings.flavour),
        *CONTAINER_TOOLKIT,
        *(CUDA_TOOLKIT if settings.cuda_toolkit else ()),
    ]


def entries(settings: Nvidia, found: Graphics) -> list[Entry]:
    """The files of the role; nouveau is kept off only where the kernel has it."""
    units = "/etc/systemd/system"
    guard = render("nvidia/gpu-guard.sh.j2", settings=settings, state=STATE, textfiles=TEXTFILES)
    return [
        *(
            [File("/etc/modprobe.d/ai-idp-nvidia.conf", render("nvidia/modprobe.conf.j2"))]
            if found.nouveau
            else []
        ),
        File("/usr/local/lib/ai-idp/gpu-guard.sh", guard, mode="0755"),
        File(f"{units}/{GUARD}.service", render(f"nvidia/{GUARD}.service.j2")),
        File(f"{units}/{GUARD}.timer", render(f"nvidia/{GUARD}.timer.j2", settings=settings)),
        Directory(f"{units}/{REFRESH}.service.d"),
        File(f"{units}/{REFRESH}.service.d/ai-idp.conf", render(f"nvidia/{REFRESH}.conf.j2")),
    ]


def _steps(found: Graphics) -> Steps:
    # At boot the file is read from a copy of it in the initramfs.
    keep_off = "command -v update-initramfs >/dev/null && update-initramfs -u -k all\n"
    names = " ".join(UNITS)
    return Steps(
        validate='sh -n "$STAGE/usr/local/lib/ai-idp/gpu-guard.sh"\n',
        activate=f"{keep_off if found.nouveau else ''}systemctl daemon-reload\n"
        f"systemctl enable --quiet {' '.join(BOOT_UNITS)} {names}\n"
        f"systemctl restart {names}\n",
    )
