"""The plan tells a host that is away from one that is there and refuses, or is another machine."""

from __future__ import annotations

import subprocess

import pytest

import planning
from planning import Plan


def collected(reason: str, may_be_absent: bool) -> Plan:
    said = f"--> Connecting to hosts...\n    [xps13] {reason}\n"
    run = subprocess.CompletedProcess(["pyinfra"], 1, stdout="", stderr=said)
    return planning._collect(run, [{"failed": "xps13", "may_be_absent": may_be_absent}])


def test_a_host_that_is_off_and_may_be_is_absent() -> None:
    plan = collected("Could not connect (timed out)", may_be_absent=True)
    assert (plan.absent, plan.failed, plan.exit_code) == (["xps13"], {}, 0)


def test_a_host_that_is_off_and_may_not_be_has_failed() -> None:
    plan = collected("Could not connect (timed out)", may_be_absent=False)
    assert (plan.absent, plan.exit_code) == ([], 1)


@pytest.mark.parametrize(
    "reason",
    [
        "SSH host key error (Host key for 192.168.1.30 does not match.)",
        "Authentication error (password=None)",
    ],
)
def test_a_host_that_may_be_absent_but_is_there_has_failed(reason: str) -> None:
    plan = collected(reason, may_be_absent=True)
    assert (plan.absent, plan.failed, plan.exit_code) == ([], {"xps13": reason}, 1)


CREATION: dict[str, object] = {
    "kind": "guest",
    "action": "create",
    "what": "web",
    "detail": {},
    "diff": "",
}


def planned_with(reason: str, *changes: dict[str, object]) -> Plan:
    run = subprocess.CompletedProcess(["pyinfra"], 1, stdout="", stderr=f"    [web] {reason}\n")
    made = [{"host": "pve", "role": "Proxmox VE", "changes": list(changes)}]
    return planning._collect(run, [*made, {"failed": "web", "may_be_absent": False}])


def test_a_guest_that_the_same_plan_creates_has_not_failed() -> None:
    plan = planned_with("Could not connect (timed out)", CREATION)
    assert (plan.failed, plan.errors, plan.exit_code) == ({}, [], 2)
    assert plan.notices == {"web": [planning.NOT_YET]}


def test_a_guest_that_the_same_plan_starts_has_not_failed() -> None:
    plan = planned_with("Could not connect (timed out)", {**CREATION, "action": "start"})
    assert (plan.failed, plan.errors, plan.exit_code) == ({}, [], 2)
    assert plan.notices == {"web": [planning.OFF]}


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("Could not connect (timed out)", {**CREATION, "action": "modify"}),
        ("Could not connect (timed out)", {**CREATION, "what": "mail"}),
        ("Authentication error (password=None)", CREATION),
    ],
)
def test_a_guest_that_exists_or_is_another_machine_has_failed(
    reason: str, change: dict[str, object]
) -> None:
    plan = planned_with(reason, change)
    assert (plan.failed, plan.exit_code) == ({"web": reason}, 1)
