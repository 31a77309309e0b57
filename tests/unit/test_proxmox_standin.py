"""The stand-in for a node: what it does to all its guests at once, in their order."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

LAB = Path(__file__).parents[2] / "lab"
GUESTS = {
    101: "onboot: 1\nstartup: order=1\n",
    102: "onboot: 1\nstartup: order=2\n",
    103: "onboot: 1\n",
    104: "onboot: 0\n",
}


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    for folder in ("lxc", "status"):
        (tmp_path / "node" / folder).mkdir(parents=True)
    for vmid, options in GUESTS.items():
        network = f"net0: name=eth0,ip=192.0.2.{vmid}/24\n"
        (tmp_path / "node" / "lxc" / f"{vmid}.conf").write_text(options + network)
    return tmp_path


def pvesh(shared: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LAB_GUESTS": str(shared), "PYTHONPATH": str(LAB)}
    command = [sys.executable, "-B", "-m", "standins.proxmox.pvesh", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def running(shared: Path) -> set[int]:
    files = (shared / "node" / "status").iterdir()
    return {int(file.name) for file in files if file.read_text() == "running"}


def test_a_node_that_starts_starts_those_with_onboot_in_their_order(shared: Path) -> None:
    done = pvesh(shared, "--nooutput", "create", "/nodes/localhost/startall")
    assert done.stdout.split("\n")[:-1] == [f"Starting CT {vmid}" for vmid in (101, 102, 103)]
    assert running(shared) == {101, 102, 103}


def test_a_node_that_goes_down_stops_all_in_the_reverse_order(shared: Path) -> None:
    pvesh(shared, "create", "/nodes/localhost/startall")
    done = pvesh(shared, "--nooutput", "create", "/nodes/localhost/stopall", "--timeout", "45")
    assert [line.split()[2] for line in done.stdout.splitlines()] == ["103", "102", "101"]
    assert running(shared) == set()


def test_another_action_is_refused(shared: Path) -> None:
    done = pvesh(shared, "create", "/nodes/localhost/wakeonlan")
    assert done.returncode == 255
    assert done.stderr == "No 'create' handler defined for '/nodes/localhost/wakeonlan'\n"
