"""`driver.in_force` and `driver.specified`: which steps a state of the driver leads to."""

from __future__ import annotations

from typing import Any

import pytest

from facts.driver import Driver
from operations import driver
from operations.reboot import BOOT_ID
from tests.fake_host import Run, run

STATE = "module=/proc/driver/nvidia/version"
LOADED, OLD = "loaded\t580.159.04", "loaded\t580.126.20"
SPECIFIED = "specified\t580.159.04"


def in_force(*state: str, **answers: Any) -> Run:
    """A run on a host in this state; it never answers with another boot."""
    install = lambda: driver.in_force(version="580.159.04", reboot_seconds=0)  # noqa: E731
    return run(install, {STATE: [*state, "end"], BOOT_ID: "the boot", **answers})


def specified(*state: str) -> Run:
    return run(lambda: driver.specified(version="580.159.04"), {STATE: [*state, "end"]})


def steps(outcome: Run) -> list[str]:
    marks = {"systemctl reboot": "reboot", "action=load\n": "load", "action=specify\n": "specify"}
    return [name for command in outcome.commands for mark, name in marks.items() if mark in command]


def test_the_driver_that_is_loaded_costs_one_command() -> None:
    outcome = in_force(LOADED)
    assert outcome.succeeded
    assert len(outcome.commands) == 1


def test_the_first_driver_needs_no_reboot() -> None:
    assert steps(in_force()) == ["load"]


@pytest.mark.parametrize("state", [[OLD], ["nouveau"], [LOADED, "nouveau"]])
def test_a_driver_that_another_one_keeps_out_needs_a_reboot(state: list[str]) -> None:
    assert steps(in_force(*state)) == ["reboot"]


def test_a_host_that_runs_the_same_boot_is_not_back(caplog: pytest.LogCaptureFixture) -> None:
    outcome = in_force(OLD)
    assert not outcome.succeeded
    assert (
        "it was told to reboot and is not back after 0 s (it still runs the boot from before); "
        "look at its console, and run this once more when it answers" in caplog.text
    )


def test_a_host_without_a_boot_id_is_not_rebooted(caplog: pytest.LogCaptureFixture) -> None:
    outcome = in_force(OLD, **{BOOT_ID: {"success": False}})
    assert not outcome.succeeded
    assert steps(outcome) == []
    assert "its boot id could not be read; it was not rebooted" in caplog.text


@pytest.mark.parametrize(
    ("state", "expected"),
    [([SPECIFIED], []), ([], ["specify"]), (["specified\t580.126.20"], ["specify"])],
)
def test_a_specification_is_made_where_it_is_not_of_the_driver(
    state: list[str], expected: list[str]
) -> None:
    assert steps(specified(LOADED, *state)) == expected


def test_what_cannot_be_read_changes_nothing_and_fails_the_host() -> None:
    unreadable = {STATE: {"success": False, "stderr": "unreadable: the module"}}
    for operation in (
        lambda: driver.in_force(version="580.159.04", reboot_seconds=0),
        lambda: driver.specified(version="580.159.04"),
    ):
        outcome = run(operation, unreadable)
        assert not outcome.succeeded
        assert steps(outcome) == []


@pytest.mark.parametrize(
    ("found", "row"),
    [
        (
            Driver(nouveau_loaded=True),
            ("host", "reboot", "desk", "- nouveau\n+ nvidia 580.159.04\n"),
        ),
        (
            Driver(loaded="580.126.20"),
            ("host", "reboot", "desk", "- nvidia 580.126.20\n+ nvidia 580.159.04\n"),
        ),
        (Driver(), ("setting", "load", "kernel module nvidia", "+ nvidia 580.159.04\n")),
    ],
)
def test_a_plan_says_whether_the_host_reboots_and_why(found: Driver, row: tuple[str, ...]) -> None:
    change = driver.loading(found, "580.159.04", "desk")
    assert (change.kind, change.action, change.what, change.diff) == row
