"""Alert rules: each is about a role, says what to do, and is tested both firing and silent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import alerts_reference
from deploys.prometheus import KINDS, RULES
from deploys.roles import role_names

TESTS = Path(__file__).parents[1] / "rules"
ALWAYS_THERE = {"Watchdog"}
SEVERITIES = {"none", "warning", "critical"}

FILES = sorted((RULES / "rules").glob("*.yaml"))


def parsed(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def alerts(path: Path) -> Iterator[dict[str, Any]]:
    for group in parsed(path)["groups"]:
        yield from (rule for rule in group["rules"] if "alert" in rule)


NAMED = [(path.stem, rule) for path in FILES for rule in alerts(path)]
ALERTS = [pytest.param(role, rule, id=rule["alert"]) for role, rule in NAMED]


def cases_of(role: str, alert: str) -> set[bool]:
    """Whether the twin of a rules file has cases in which the alert fires, and does not."""
    twin = TESTS / f"{role}.yaml"
    cases = parsed(twin)["tests"] if twin.exists() else []
    return {
        bool(case["exp_alerts"])
        for test in cases
        for case in test["alert_rule_test"]
        if case["alertname"] == alert
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_file_of_rules_is_about_a_role(kind: str) -> None:
    unknown = {path.stem for path in (RULES / kind).glob("*.yaml")} - set(role_names())
    assert unknown == set(), f"files/prometheus/{kind} has rules about what is no role"


def test_every_test_of_rules_is_about_a_file_of_rules() -> None:
    twins = {path.stem: parsed(path)["rule_files"] for path in TESTS.glob("*.yaml")}
    names = [path.stem for path in FILES]
    assert twins == {name: [f"../../files/prometheus/rules/{name}.yaml"] for name in names}


@pytest.mark.parametrize(("role", "rule"), ALERTS)
def test_every_alert_is_tested_firing_and_silent(role: str, rule: dict[str, Any]) -> None:
    wanted = {True} if rule["alert"] in ALWAYS_THERE else {True, False}
    assert cases_of(role, rule["alert"]) == wanted, (
        f"add the missing case to tests/rules/{role}.yaml"
    )


@pytest.mark.parametrize(("role", "rule"), ALERTS)
def test_every_alert_has_a_severity_a_summary_and_a_runbook(
    role: str, rule: dict[str, Any]
) -> None:
    assert rule["labels"]["severity"] in SEVERITIES
    assert set(rule["annotations"]) == {"summary", "runbook"}
    assert all(rule["annotations"].values())


def test_no_two_alerts_have_one_name() -> None:
    names = [rule["alert"] for _, rule in NAMED]
    assert sorted(set(names)) == sorted(names)


def test_the_page_of_alerts_is_current() -> None:
    page = alerts_reference.DOCUMENT.read_text()
    assert page == alerts_reference.reference(), "run `make docs`"


def test_the_page_tells_what_to_do() -> None:
    page = alerts_reference.reference()
    assert "### HostDown" in page
    assert "critical, after 2m" in page
    assert "`pct status`" in page
