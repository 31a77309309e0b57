"""Driver: an installed one in force, after a reboot where only that loads it."""

from __future__ import annotations

import shlex
from collections.abc import Generator
from pathlib import Path

from pyinfra import host
from pyinfra.api.command import FunctionCommand, PyinfraCommand, StringCommand
from pyinfra.api.operation import operation

import changes
from changes import Change
from facts.driver import Driver, DriverState
from operations.reboot import reboot_and_wait
from operations.service import UNREADABLE

SCRIPT = Path(__file__).with_name("driver.sh")
SPECIFICATION = "/var/run/cdi/nvidia.yaml"


@operation()
def in_force(version: str, reboot_seconds: int) -> Generator[PyinfraCommand]:
    """
    Have NVIDIA's module of this version loaded, and no other driver of the card.

    A kernel lets go of a driver only while nothing uses it, so one that is loaded is replaced by
    a reboot. Containers that restart by themselves come back with it.

    + version: of an installed driver, as NVIDIA counts it
    + reboot_seconds: time for the host to come back

    **Example:**

        driver.in_force(name="Load the driver", version="580.159.04", reboot_seconds=600)
    """
    found = host.get_fact(DriverState)
    if found is None:
        yield StringCommand(UNREADABLE)
        return
    if found.loaded == version and not found.nouveau_loaded:
        return
    changes.announce(host, [loading(found, version, host.name)])
    if found.loaded or found.nouveau_loaded:
        yield FunctionCommand(reboot_and_wait, [reboot_seconds], {})
    yield _step("load", version)


@operation()
def specified(version: str) -> Generator[PyinfraCommand]:
    """
    Have a CDI specification of this driver, from which containers are given the card.

    + version: of the loaded driver
    """
    found = host.get_fact(DriverState)
    if found is None:
        yield StringCommand(UNREADABLE)
        return
    if found.specified == version:
        return
    before = found.specified and f"driver {found.specified}"
    changes.announce(host, [_change("generate", SPECIFICATION, before, f"driver {version}")])
    yield _step("specify", version)


def loading(found: Driver, version: str, name: str) -> Change:
    """What has to happen on the host `name` for this version to be in force."""
    before = "nouveau" if found.nouveau_loaded else found.loaded and f"nvidia {found.loaded}"
    if before:
        return _change("reboot", name, before, f"nvidia {version}", kind="host")
    return _change("load", "kernel module nvidia", "", f"nvidia {version}")


def _change(action: str, what: str, before: str, after: str, kind: str = "setting") -> Change:
    removed = f"- {before}\n" if before else ""
    return Change(kind, action, what, {"driver": after}, f"{removed}+ {after}\n")


def _step(action: str, version: str) -> StringCommand:
    names = f"action={action}\nversion={shlex.quote(version)}\n"
    return StringCommand(names + SCRIPT.read_text())
