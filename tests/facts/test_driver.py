"""The fact about the driver, and its script on what real drivers and specifications look like."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from pyinfra.api.exceptions import FactProcessError

from facts import driver
from facts.driver import Driver, DriverState

# Recorded on real machines: driver 580.95.05 (open) and 575.51.03 (not open).
OPEN = (
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build  "
    "(dvs-builder@U22-I3-B17-02-5)  Tue Sep 23 09:55:41 UTC 2025\n"
    "GCC version:  gcc version 11.4.0 (Ubuntu 11.4.0-1ubuntu1~22.04.2) \n"
)
CLOSED = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  575.51.03  Fri May 30 07:52:57 UTC 2025\n"
NODES = "        deviceNodes:\n            - path: /dev/nvidia-uvm\n"
MOUNT = "        - hostPath: /usr/lib/x86_64-linux-gnu/libcuda.so.580.95.05\n"


def read(folder: Path, module: str = "", specification: str = "") -> Driver:
    """What the script says of a host with these files."""
    script = driver.SCRIPT.read_text()
    for name, place, text in (
        ("module", "/proc/driver/nvidia/version", module),
        ("specification", "/var/run/cdi/nvidia.yaml", specification),
    ):
        assert place in script
        script = script.replace(place, str(folder / name))
        if text:
            (folder / name).write_text(text)
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    return DriverState().process(done.stdout.splitlines())


@pytest.mark.parametrize(("text", "version"), [(OPEN, "580.95.05"), (CLOSED, "575.51.03")])
def test_the_loaded_version_is_read(tmp_path: Path, text: str, version: str) -> None:
    assert read(tmp_path, module=text) == Driver(loaded=version)


def test_a_host_without_a_driver_has_none(tmp_path: Path) -> None:
    assert read(tmp_path) == Driver()


def test_the_driver_of_the_specification_is_read(tmp_path: Path) -> None:
    assert read(tmp_path, specification=NODES + MOUNT) == Driver(specified="580.95.05")


def test_a_specification_without_what_cuda_opens_counts_as_none(tmp_path: Path) -> None:
    assert read(tmp_path, specification=MOUNT) == Driver()


def test_nouveau_is_read() -> None:
    assert DriverState().process(["nouveau", "end"]) == Driver(nouveau_loaded=True)


@pytest.mark.parametrize("output", [[], ["loaded\t580.95.05"]])
def test_what_ends_in_the_middle_is_unreadable(output: list[str]) -> None:
    with pytest.raises(FactProcessError, match="ended in the middle"):
        DriverState().process(output)
