"""The fact about guests: its parsing, and its script over tools that answer as the real ones do."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from pyinfra.api.exceptions import FactProcessError

from facts import guests
from facts.guests import Container, Guests, GuestsState, Storage

STANDIN = Path(__file__).parents[2] / "lab" / "standins" / "proxmox"
TOOLS = ("pct", "pveam", "pvesh")
TEMPLATE = "debian-13-standard_13.6-1_amd64.tar.zst"

# Composed from the sources of pct and pvesh; the spaces at the ends of lines are pct's own.
ANSWER = """\
== name
pve.lan
== resources
[{"cpu":0,"disk":0,"id":"lxc/121","maxcpu":2,"maxdisk":8350298112,"maxmem":1073741824,"mem":0,\
"name":"web","node":"pve","status":"stopped","template":0,"type":"lxc","uptime":0,"vmid":"121"},
{"id":"qemu/9000","maxcpu":2,"name":"debian-tpl","node":"pve2","template":1,"type":"qemu",\
"vmid":9000}]

== storages
[{"active":1,"avail":49842585600,"content":"iso,vztmpl,backup","enabled":1,"storage":"local",\
"total":100861726720,"type":"dir","used":45850157056,"used_fraction":0.45},
{"active":0,"content":"backup","enabled":1,"storage":"nas","type":"nfs"}]

== containers
VMID       Status     Lock         Name                
121        stopped    backup       web                 
== templates
NAME                                                         SIZE  
local:vztmpl/debian-13-standard_13.6-1_amd64.tar.zst         129.72MB
== offered
system          debian-13-standard_13.6-1_amd64.tar.zst                      amd64
== config 121
#made by hand%3A mine
#== end
cores: 2
hostname: web
lock: backup
net0: name=eth0,bridge=vmbr0,ip=192.0.2.21/24,type=veth
rootfs: local:121/vm-121-disk-0.raw,size=8G
lxc.cap.drop: sys_admin

[pve:pending]
delete: features
memory: 2048

[before-update]
memory: 512

== present
/sys/class/net/vmbr0
== end
"""


def test_the_state_of_a_node_is_read() -> None:
    found = GuestsState().process(ANSWER.splitlines())
    assert found.name == "pve"
    assert found.taken == {121: ("lxc", "pve", "web"), 9000: ("qemu", "pve2", "debian-tpl")}
    assert found.storages == {
        "local": Storage(frozenset({"iso", "vztmpl", "backup"}), True, 49842585600),
        "nas": Storage(frozenset({"backup"}), False, 0),
    }
    assert found.templates == {f"local:vztmpl/{TEMPLATE}"}
    assert found.offered == {TEMPLATE}
    assert found.present == {"/sys/class/net/vmbr0"}


def test_what_is_in_force_is_told_from_what_waits_and_from_snapshots() -> None:
    container = GuestsState().process(ANSWER.splitlines()).containers[121]
    assert container == Container(
        running=False,
        config={
            "cores": "2",
            "hostname": "web",
            "lock": "backup",
            "net0": "name=eth0,bridge=vmbr0,ip=192.0.2.21/24,type=veth",
            "rootfs": "local:121/vm-121-disk-0.raw,size=8G",
            "lxc.cap.drop": "sys_admin",
        },
        pending={"delete": "features", "memory": "2048"},
    )


def test_a_host_that_is_no_node_is_not_unreadable() -> None:
    assert GuestsState().process(["== no node", "== end"]) == Guests(name="")


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ([], "ended in the middle"),
        (ANSWER.splitlines()[:-1], "ended in the middle"),
        (ANSWER.replace("[{", "oops [{").splitlines(), "did not answer with JSON"),
    ],
)
def test_what_is_cut_off_or_no_answer_is_unreadable(output: list[str], said: str) -> None:
    with pytest.raises(FactProcessError, match=said):
        GuestsState().process(output)


class Node:
    """A node's tools on this machine: the stand-in of the lab, with its state in a folder."""

    def __init__(self, folder: Path) -> None:
        self.state, self.tools = folder / "state", folder / "tools"
        self.tools.mkdir()
        package = folder / "standins"
        package.mkdir()
        (package / "proxmox").symlink_to(STANDIN)
        for name in TOOLS:
            tool = self.tools / name
            tool.write_text(f'#!/bin/sh\nexec python3 -B -m standins.proxmox.{name} "$@"\n')
            tool.chmod(0o755)
        self.environment = {
            "PATH": f"{self.tools}:{os.environ['PATH']}",
            "PYTHONPATH": str(folder),
            "LAB_GUESTS": str(self.state),
        }

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, env=self.environment, capture_output=True, text=True)

    def read(self) -> Guests:
        script = guests.SCRIPT.read_text().replace("/etc/pve", str(self.state / "node"))
        command = GuestsState().command([121, 122], "local", "", [])
        script = command.replace(guests.SCRIPT.read_text(), script)
        done = self.run("sh", "-c", script)
        assert done.returncode == 0, done.stderr
        return GuestsState().process(done.stdout.splitlines())


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def test_the_script_reads_an_empty_node(node: Node) -> None:
    found = node.read()
    assert (found.taken, found.containers, found.templates) == ({}, {}, frozenset())
    assert {"local", "local-lvm"} == found.storages.keys()
    assert TEMPLATE in found.offered


def test_the_script_reads_a_container(node: Node) -> None:
    assert node.run("pveam", "download", "local", TEMPLATE).returncode == 0
    options = ["--hostname", "web", "--rootfs", "local-lvm:8", "--features", "nesting=1"]
    template = f"local:vztmpl/{TEMPLATE}"
    done = node.run("pct", "create", "121", template, *options)
    assert done.returncode == 0, done.stderr
    found = node.read()
    assert found.containers[121].config["rootfs"] == "local-lvm:vm-121-disk-0,size=8G"
    assert found.containers[121].running is False
    assert found.templates == {template}


REFUSED = {
    "an unknown option": (["set", "121", "--ram", "1"], "Unknown option: ram"),
    "an unknown feature": (
        ["set", "121", "--features", "docker=1"],
        "invalid key in comma-separated list property: docker",
    ),
    "a smaller disk": (["resize", "121", "rootfs", "4G"], "unable to shrink disk size"),
    "the same disk": (["resize", "121", "rootfs", "8G"], "disk is already at specified size"),
    "a stopped one to stop": (["stop", "121"], "CT 121 not running"),
    "a number that is taken": (
        ["create", "121", f"local:vztmpl/{TEMPLATE}"],
        "CT 121 already exists on node",
    ),
    "an unknown template": (
        ["create", "122", "local:vztmpl/no.tar.zst"],
        "volume 'local:vztmpl/no.tar.zst' does not exist",
    ),
    "an unknown storage": (
        ["create", "122", f"local:vztmpl/{TEMPLATE}", "--rootfs", "tank:8"],
        "storage 'tank' does not exist",
    ),
    "a storage without containers": (
        ["create", "122", f"local:vztmpl/{TEMPLATE}", "--rootfs", "local:8"],
        "storage 'local' does not support container directories",
    ),
    "a missing one": (["start", "130"], "lxc/130.conf' does not exist"),
    "too few megabytes": (["set", "121", "--memory", "8"], "must have a minimum value of 16"),
}


@pytest.mark.parametrize(("command", "said"), REFUSED.values(), ids=REFUSED)
def test_the_stand_in_refuses_what_the_real_one_refuses(
    node: Node, command: list[str], said: str
) -> None:
    node.run("pveam", "download", "local", TEMPLATE)
    made = node.run("pct", "create", "121", f"local:vztmpl/{TEMPLATE}", "--rootfs", "local-lvm:8")
    assert made.returncode == 0, made.stderr
    before = node.read()
    done = node.run("pct", *command)
    assert done.returncode == 255
    assert said in done.stderr
    assert node.read() == before
