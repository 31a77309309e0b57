"""Recording rules: promtool's own unit tests, by the promtool of the host that loads them."""

from __future__ import annotations

import base64
import io
import tarfile
from pathlib import Path

import pytest

from dashboards.rule_files import PROMETHEUS
from lab.checkout import ROOT
from tests.lab.conftest import shell

pytestmark = pytest.mark.lab

HOST = "sclimers-observation"
RULES, TESTS = PROMETHEUS / "recording", ROOT / "tests" / "recording"
FILES = sorted(path.stem for path in RULES.glob("*.yaml"))


def promtool(role: str, rules: str) -> str:
    """What promtool says of these rules of a role and of their tests, in a place of its own."""
    packed = base64.b64encode(_packed(role, rules)).decode()
    prepare = f'place=$(mktemp -d) && cd "$place" && echo {packed} | base64 -d | tar -x'
    test = f"cd tests/recording && promtool test rules {role}.yaml 2>&1"
    return shell(HOST, f'{prepare} && {test}; cd / && rm -r "$place"', False)


def _packed(role: str, rules: str) -> bytes:
    tests = (TESTS / f"{role}.yaml").read_text(encoding="utf-8")
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        for folder, text in ((RULES, rules), (TESTS, tests)):
            entry = tarfile.TarInfo(str((folder / f"{role}.yaml").relative_to(ROOT)))
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return held.getvalue()


def _rules(role: str) -> str:
    return Path(RULES / f"{role}.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("role", FILES)
def test_the_rules_make_of_given_samples_what_is_expected(role: str) -> None:
    assert promtool(role, _rules(role)).split()[-1] == "SUCCESS"


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
    assert "FAILED" in promtool(role, rules.replace(right, wrong))
