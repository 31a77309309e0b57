"""The plan tells a host that is away from one that is there and refuses, or is another machine."""

from __future__ import annotations

import subprocess

import pytest

import planning
from planning import Plan

REASON = "Authentication error (password=None)"
SAID = f"--> Connecting to hosts...\n    [xps13] {REASON}\n"


def collected(code: int, **record: str) -> Plan:
    run = subprocess.CompletedProcess(["pyinfra"], code, stdout="", stderr=SAID)
    return planning._collect(run, [record])


def test_a_host_that_the_run_left_out_is_absent() -> None:
    plan = collected(0, absent="xps13")
    assert (plan.absent, plan.failed, plan.errors, plan.exit_code) == (["xps13"], {}, [], 0)


def test_a_host_that_failed_is_told_with_its_reason() -> None:
    plan = collected(1, failed="xps13")
    assert (plan.absent, plan.failed, plan.exit_code) == ([], {"xps13": REASON}, 1)


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
    return planning._collect(run, [*made, {"failed": "web"}])


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
