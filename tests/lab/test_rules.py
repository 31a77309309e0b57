"""Alert rules: promtool's own unit tests, by the promtool of the host that will load them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from deploys.prometheus import KINDS, RULES
from lab.checkout import ROOT
from tests.lab.conftest import converge
from tests.lab.promtool import HOST, promtool, within

TESTS = ROOT / "tests" / "rules"


def test_every_alert_fires_and_stays_silent_as_its_tests_say() -> None:
    converge(HOST, deploy="deploys.prometheus.install")
    said = promtool(f"test rules {within(TESTS)}/*.yaml", files())
    assert "FAILED" not in said, said
    assert said.count("SUCCESS") == len(list(TESTS.glob("*.yaml")))


def test_every_rule_is_one_that_prometheus_takes() -> None:
    """Those too whose role no host has yet: they land with it."""
    names = [within(path) for path in rules()]
    said = promtool(f"check rules {' '.join(names)}", files())
    assert "FAILED" not in said, said
    assert said.count("SUCCESS") == len(names)


def test_an_expectation_that_is_wrong_is_noticed() -> None:
    changed = files(("/ has 4.0 % left", "/ has 5.0 % left"))
    assert "FAILED" in promtool(f"test rules {within(TESTS)}/node_exporter.yaml", changed)


def rules() -> list[Path]:
    return [path for kind in KINDS for path in sorted((RULES / kind).glob("*.yaml"))]


def files(change: tuple[str, str] = ("", "")) -> dict[Path, str]:
    """The rules and their tests, one text in the tests changed."""
    tests = {path: _completed(path).replace(*change) for path in TESTS.glob("*.yaml")}
    return {path: path.read_text() for path in rules()} | tests


def _completed(path: Path) -> str:
    """A file of tests with the rules' own runbooks, which promtool compares too."""
    document = yaml.safe_load(path.read_text())
    runbooks = dict(_runbooks(RULES / "rules" / path.name))
    for test in document["tests"]:
        for case in test["alert_rule_test"]:
            for expected in case["exp_alerts"]:
                expected["exp_annotations"]["runbook"] = runbooks[case["alertname"]]
    return yaml.safe_dump(document)


def _runbooks(path: Path) -> Iterator[tuple[str, str]]:
    groups: Any = yaml.safe_load(path.read_text())["groups"]
    for rule in (rule for group in groups for rule in group["rules"]):
        if "alert" in rule:
            yield rule["alert"], rule["annotations"]["runbook"]
