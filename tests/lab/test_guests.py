"""Guests in the lab: updated, started, restarted, destroyed and back; what is refused stays."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

import inventory as production
from deploys.guest import Guest
from lab import network
from lab.checkout import ROOT
from lab.observer import Observation, observe
from planning import NOT_YET, OFF, Plan
from tests.lab.announced import differences
from tests.lab.changed_guests import inventory
from tests.lab.conftest import INVENTORY, Done, apply, changed, converge, plan, shell

NODE, SPARE = "xps15", "sclimers-mlflow"
"""The node, and a guest that no other host asks anything."""

GUEST = Guest.model_validate(dict(production.all)[SPARE]["guest"])
VMID = GUEST.vmid
CONFIG = f"/etc/pve/lxc/{VMID}.conf"
STRANGER = "somebody"
ROLE = "deploys.proxmox.install"
BOOT_ID = "cat /proc/sys/kernel/random/boot_id"


@pytest.fixture(scope="module", autouse=True)
def stranger() -> Generator[dict[str, str]]:
    """A container that is not in the inventory; around it all is converged, and left so."""
    converge(NODE, SPARE)
    template = shell(NODE, "pveam list local | awk 'NR == 2 { print $1 }'").strip()
    shell(NODE, f"pct create 901 {template} --hostname {STRANGER} --rootfs local-lvm:4")
    yield observe(NODE).guests[STRANGER]
    shell(NODE, "pct destroy 901")
    converge(NODE, SPARE)


@pytest.fixture
def as_before() -> Generator[None]:
    """The guest is given back what the node had noted of it; only a node could shrink its disk."""
    noted = shell(NODE, f"cat {CONFIG}")
    yield
    shell(NODE, f"cat >{CONFIG} <<'EOF'\n{noted}EOF")


def plan_node(file: str = INVENTORY) -> Plan:
    return plan(NODE, deploy=ROLE, inventory=file)


def apply_node(file: str = INVENTORY) -> Done:
    return apply(NODE, deploy=ROLE, inventory=file)


def different(directory: Path, **values: Any) -> str:
    return inventory(directory, **{SPARE.replace("-", "_"): values})


def python(module: str, *arguments: str) -> Done:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def announced(planned: Plan, before: Observation) -> list[str]:
    return differences(planned.hosts[NODE], before, observe(NODE))


def test_guests_as_declared_leave_nothing_to_do_whoever_lives_beside_them() -> None:
    assert plan_node().exit_code == 0


def test_cores_memory_and_disk_grow_without_a_restart(as_before: None, tmp_path: Path) -> None:
    grown = different(tmp_path, cores=3, memory_mib=3072, disk_gib=GUEST.disk_gib + 8)
    before, boot = observe(NODE), shell(SPARE, BOOT_ID)
    planned = plan_node(grown)
    assert changed(planned) == {NODE: {("guest", "modify", SPARE)}}
    (row,) = planned.hosts[NODE]
    assert row["diff"].splitlines() == [
        *("- cores: 2", "- memory: 2048", f"- size: {GUEST.disk_gib}G"),
        *("+ cores: 3", "+ memory: 3072", f"+ size: {GUEST.disk_gib + 8}G"),
    ]
    done = apply_node(grown)
    assert done.returncode == 0, done.stderr
    assert announced(planned, before) == []
    assert shell(SPARE, BOOT_ID) == boot
    assert plan_node(grown).exit_code == 0


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"disk_gib": 1}, f"{SPARE}: its disk has {GUEST.disk_gib}G and cannot shrink to 1 GiB"),
        ({"disk_gib": 99999}, "GiB left, but the guests want"),
        ({"vmid": 901}, f"{SPARE}: its number 901 belongs to the container {STRANGER}"),
    ],
)
def test_what_would_lose_data_is_refused_and_nothing_changes(
    tmp_path: Path, values: dict[str, Any], said: str
) -> None:
    wrong = different(tmp_path, cores=3, **values)
    before = observe(NODE)
    done = apply_node(wrong)
    assert done.returncode != 0
    assert said in done.stderr
    assert observe(NODE).guests == before.guests


def test_a_virtual_machine_keeps_its_number(tmp_path: Path) -> None:
    taken = different(tmp_path, vmid=900)
    machine = "/etc/pve/qemu-server/900.conf"
    shell(NODE, f"echo 'name: windows' >{machine}")
    try:
        said = plan_node(taken).failed[NODE]
    finally:
        shell(NODE, f"rm {machine}")
    assert f"{SPARE}: its number 900 belongs to the virtual machine windows" in said


def test_a_change_that_needs_a_start_restarts_the_guest_and_the_run_goes_on(
    tmp_path: Path,
) -> None:
    more = different(tmp_path, features=("nesting", "keyctl"))
    boot = shell(SPARE, BOOT_ID)
    before, planned = observe(NODE), plan(NODE, SPARE, inventory=more)
    assert changed(planned) == {NODE: {("guest", "modify", SPARE), ("guest", "restart", SPARE)}}
    done = apply(NODE, SPARE, inventory=more)
    assert done.returncode == 0, done.stderr
    assert announced(planned, before) == []
    assert shell(SPARE, BOOT_ID) != boot
    assert plan(NODE, SPARE, inventory=more).exit_code == 0
    assert apply_node().returncode == 0


def test_a_guest_that_is_off_is_planned_to_be_started_and_its_node_does() -> None:
    shell(NODE, f"pct stop {VMID}")
    before, planned = observe(NODE), plan(NODE, SPARE)
    assert changed(planned) == {NODE: {("guest", "start", SPARE)}}
    assert (planned.exit_code, planned.notices[SPARE]) == (2, [OFF])
    done = apply_node()
    assert done.returncode == 0, done.stderr
    assert announced(planned, before) == []
    assert plan(NODE, SPARE).exit_code == 0


def test_a_guest_with_another_key_than_its_node_tells_is_refused() -> None:
    key = "/etc/ssh/ssh_host_ed25519_key.pub"
    shell(
        SPARE,
        f"mv {key} {key}.aside; ssh-keygen -q -t ed25519 -N '' -f /root/k; mv /root/k.pub {key}",
    )
    try:
        done = python("trust", SPARE, "--inventory", INVENTORY)
    finally:
        shell(SPARE, f"mv {key}.aside {key}; rm /root/k")
    assert done.returncode == 1
    assert "this is another machine, or someone is between. Nothing was pinned" in done.stderr


def test_a_destroyed_guest_is_planned_and_comes_back() -> None:
    shell(NODE, f"pct stop {VMID} && pct destroy {VMID}")
    planned = plan(NODE, SPARE)
    assert changed(planned) == {NODE: {("guest", "create", SPARE), ("guest", "start", SPARE)}}
    assert planned.notices[SPARE] == [NOT_YET]
    assert planned.exit_code == 2
    assert plan(SPARE).exit_code == 1

    # A machine of the lab gets a fresh disk with the next `make lab`.
    assert python("lab", "up").returncode == 0
    before = observe(NODE)
    _creation_that_is_killed(before)
    done = python("new_guests", INVENTORY, "--limit", NODE)
    assert done.returncode == 0, done.stderr
    assert announced(planned, before) == []
    address = network.read().hosts[SPARE]
    assert address in (ROOT / ".lab" / "known_hosts").read_text()


def _creation_that_is_killed(before: Observation) -> None:
    """Nothing is left of it, so that the next run can begin anew."""
    shell(NODE, "touch /etc/pve/killed-in-create")
    assert apply_node().returncode != 0
    assert observe(NODE).guests == before.guests


def test_after_all_that_the_stranger_is_as_it_was(stranger: dict[str, str]) -> None:
    assert observe(NODE).guests[STRANGER] == stranger


def test_a_run_that_leaves_the_node_out_makes_no_guest() -> None:
    done = python("new_guests", INVENTORY, "--limit", SPARE)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
