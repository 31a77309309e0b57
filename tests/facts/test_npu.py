"""The fact about the NPU: what a host says becomes, and what its script finds on a disk."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from pyinfra.api.exceptions import FactProcessError

from facts.local_packages import LocalPackagesState
from facts.npu import Npu, NpuState

LAPTOP = [
    *("architecture\tx86_64", "kernel\t6.12.48-amd64", "linux\tdebian\t13"),
    *("device\t0000:00:0b.0", "module", "unknown\tanna", "outside\towner", "end"),
]


def test_everything_is_read() -> None:
    assert NpuState().process(LAPTOP) == Npu(
        architecture="x86_64",
        kernel="6.12.48-amd64",
        linux=("debian", "13"),
        devices=("0000:00:0b.0",),
        has_module=True,
        unknown=("anna",),
        outside=("owner",),
    )


def test_a_rolling_distribution_has_no_version() -> None:
    lines = ["architecture\tx86_64", "kernel\t6.18.1", "linux\tarch\t", "end"]
    assert NpuState().process(lines).linux == ("arch", "")


@pytest.mark.parametrize("output", [[], LAPTOP[:-1]])
def test_what_ended_in_the_middle_is_unreadable(output: list[str]) -> None:
    with pytest.raises(FactProcessError, match="could not be read"):
        NpuState().process(output)


def test_the_script_finds_the_device_the_module_and_the_people(tmp_path: Path) -> None:
    for address, vendor, kind in (("00:0b.0", "0x8086", "0x120000"), ("00:02.0", "0x8086", "0x03")):
        folder = tmp_path / "pci" / address
        folder.mkdir(parents=True)
        (folder / "vendor").write_text(f"{vendor}\n")
        (folder / "class").write_text(f"{kind}0000\n")
    (tmp_path / "module").mkdir()
    (tmp_path / "release").write_text("ID=debian\nVERSION_ID=13\n")
    command = NpuState().command(users=["root", "nobody-at-all"], group="root")
    places = {
        "/sys/bus/pci/devices": "pci",
        "/sys/module/intel_vpu": "module",
        "/etc/os-release": "release",
    }
    for place, stand_in in places.items():
        command = command.replace(place, str(tmp_path / stand_in))
    said = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    found = NpuState().process(said.stdout.splitlines())
    assert (found.devices, found.has_module) == (("00:0b.0",), True)
    assert (found.architecture, found.kernel) == (os.uname().machine, os.uname().release)
    assert found.linux == ("debian", "13")
    assert (found.unknown, found.outside) == (("nobody-at-all",), ())


def test_only_installed_packages_have_a_version() -> None:
    output = ["dpkg\tinstalled\t1.22", "intel-fw-npu\tinstalled\t1.38.0", "libze1\tconfig-files\t1"]
    assert LocalPackagesState().process(output) == {"intel-fw-npu": "1.38.0"}


def test_a_database_that_says_nothing_is_unreadable() -> None:
    with pytest.raises(FactProcessError, match="the dpkg database could not be read"):
        LocalPackagesState().process([])
