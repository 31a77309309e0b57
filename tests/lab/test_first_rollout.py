"""The first roll-out: what its plan announced is what became of the empty lab, host by host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lab.machines import all_machines
from lab.observer import Observation
from lab.rollout import recorded, recorded_plan
from planning import NOT_YET
from tests.lab.announced import differences

HOSTS = [machine.name for machine in all_machines()]
NODES = [machine.name for machine in all_machines() if machine.is_node]
GUESTS = [machine.name for machine in all_machines() if machine.is_guest]
GATEWAY = "sclimers-gateway"

Observed = dict[str, Observation]
Change = dict[str, Any]


@pytest.fixture(scope="module")
def plan() -> dict[str, Any]:
    return recorded_plan()


@pytest.fixture(scope="module")
def before() -> Observed:
    return recorded("before.json")


@pytest.fixture(scope="module")
def after() -> Observed:
    return recorded("after.json")


def test_the_plan_of_the_empty_lab_says_that_there_are_changes(plan: dict[str, Any]) -> None:
    assert plan["exit_code"] == 2
    assert (plan["failed"], plan["errors"], plan["absent"]) == ({}, [], [])


def test_the_plan_without_guests_creates_them_and_tells_what_waits_for_them() -> None:
    plan = recorded_plan("guests-plan.json")
    assert plan["exit_code"] == 2
    assert (plan["failed"], plan["errors"], plan["absent"]) == ({}, [], [])
    told = {host: notices for host, notices in plan["notices"].items() if host in GUESTS}
    assert told == {guest: [NOT_YET] for guest in GUESTS}
    rows = [row for node in NODES for row in plan["hosts"][node] if row["kind"] == "guest"]
    created = [row["what"] for row in rows if row["action"] == "create"]
    assert sorted(created) == sorted(GUESTS)


@pytest.mark.parametrize("node", NODES)
def test_the_guests_are_what_was_announced(node: str) -> None:
    kinds = ("guest", "template")
    rows = [row for row in recorded_plan("guests-plan.json")["hosts"][node] if row["kind"] in kinds]
    before, after = recorded("guests-before.json")[node], recorded("guests-after.json")[node]
    assert differences(rows, before, after) == []


@pytest.mark.parametrize("host", HOSTS)
def test_it_shows_each_host_the_content_of_its_files(plan: dict[str, Any], host: str) -> None:
    files = [row for row in plan["hosts"][host] if row["kind"] == "file"]
    assert [row["what"] for row in files if row["diff"].startswith("--- ")]
    assert not [row["what"] for row in files if row["action"] == "modify" and not row["diff"]]


@pytest.mark.parametrize("host", HOSTS)
def test_what_was_announced_was_done_and_nothing_else(
    plan: dict[str, Any], before: Observed, after: Observed, host: str
) -> None:
    assert differences(plan["hosts"][host], before[host], after[host]) == []


def _another_content(rows: list[Change]) -> None:
    _first(rows, "file")["detail"]["sha256"] = "0" * 64


def _another_mode(rows: list[Change]) -> None:
    _first(rows, "file")["detail"]["mode"] = "0777"


def _another_version(rows: list[Change]) -> None:
    _first(rows, "package")["detail"]["version"] = "1:0"


def _without(kind: str) -> Callable[[list[Change]], None]:
    return lambda rows: rows.remove(_first(rows, kind))


def _with_a_unit(rows: list[Change]) -> None:
    rows.append({"kind": "unit", "action": "start", "what": "no.service", "detail": {}})


def _with_a_container(rows: list[Change]) -> None:
    rows.append({"kind": "container", "action": "create", "what": "no/server", "detail": {}})


@pytest.mark.parametrize(
    "doctor",
    [
        pytest.param(_another_content, id="another content"),
        pytest.param(_another_mode, id="another mode"),
        pytest.param(_another_version, id="another version"),
        pytest.param(_without("file"), id="a file less"),
        pytest.param(_without("package"), id="a package less"),
        pytest.param(_without("unit"), id="a unit less"),
        pytest.param(_with_a_unit, id="a unit more"),
        pytest.param(_with_a_container, id="a container more"),
    ],
)
def test_the_comparison_finds_one_wrong_word_in_a_plan(
    plan: dict[str, Any],
    before: Observed,
    after: Observed,
    doctor: Callable[[list[Change]], None],
) -> None:
    rows = [{**row, "detail": dict(row.get("detail", {}))} for row in plan["hosts"][GATEWAY]]
    doctor(rows)
    assert len(differences(rows, before[GATEWAY], after[GATEWAY])) in (1, 2)


def _first(rows: list[Change], kind: str) -> Change:
    return next(row for row in rows if row["kind"] == kind)
