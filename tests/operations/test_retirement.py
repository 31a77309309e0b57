"""`retirement.service_removed`: which commands a state of the host leads to."""

from __future__ import annotations

from typing import Any

from operations import retirement
from tests.fake_host import Run, run

THERE = [
    "manifest\t/etc/demo/demo.conf",
    "entry\tregular file\t644\troot\troot\t/etc/demo/demo.conf\t0\t0",
]
SUM = f"sum\t{'0' * 64}  /etc/demo/demo.conf"
UNIT = "unit\tId=demo.service\tLoadState=loaded\tUnitFileState=enabled\tActiveState=active"
STATE = "/var/lib/ai-idp/services/demo"


def remove(state: Any) -> Run:
    return run(
        lambda: retirement.service_removed(service="demo", units=["demo"]), {"service=demo": state}
    )


def test_a_host_without_the_service_is_left_alone() -> None:
    outcome = remove(["end"])
    assert len(outcome.commands) == 1
    assert outcome.succeeded


def test_files_go_in_one_transaction_and_its_records_last() -> None:
    outcome = remove([*THERE, SUM, UNIT, "end"])
    assert outcome.commands[-2:] == [
        f"sh {STATE}/transaction/transaction.sh start {STATE}/transaction",
        f"rm -rf {STATE}",
    ]


def test_a_state_that_cannot_be_read_removes_nothing_and_fails_the_host() -> None:
    outcome = remove({"success": False, "stderr": "unreadable: /etc/demo"})
    assert not outcome.succeeded
    assert not any("transaction.sh" in command for command in outcome.commands[1:])
