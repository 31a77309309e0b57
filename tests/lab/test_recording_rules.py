"""Recording rules: promtool's own unit tests, by the promtool of the host that loads them."""

from __future__ import annotations

import pytest

from dashboards.rule_files import PROMETHEUS
from lab.checkout import ROOT
from tests.lab.promtool import promtool, within

pytestmark = pytest.mark.lab

RULES, TESTS = PROMETHEUS / "recording", ROOT / "tests" / "recording"
FILES = sorted(path.stem for path in RULES.glob("*.yaml"))


def judged(role: str, rules: str) -> str:
    """What promtool says of these rules of a role and of their tests."""
    tests = TESTS / f"{role}.yaml"
    files = {RULES / tests.name: rules, tests: tests.read_text(encoding="utf-8")}
    return promtool(f"test rules {within(tests)}", files)


def _rules(role: str) -> str:
    return (RULES / f"{role}.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("role", FILES)
def test_the_rules_make_of_given_samples_what_is_expected(role: str) -> None:
    assert judged(role, _rules(role)).split()[-1] == "SUCCESS"


@pytest.mark.parametrize(
    ("role", "right", "wrong"),
    [
        ("vllm", "0.95", "0.9"),
        ("node_exporter", 'mode="idle"', 'mode="user"'),
        ("dcgm_exporter", "+ sum by (instance, gpu) (DCGM_FI_DEV_FB_RESERVED)", ""),
    ],
)
def test_a_changed_rule_fails_its_test(role: str, right: str, wrong: str) -> None:
    rules = _rules(role)
    assert right in rules
    assert "FAILED" in judged(role, rules.replace(right, wrong))
