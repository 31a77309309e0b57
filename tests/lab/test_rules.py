"""Alert rules: promtool's own unit tests, by the promtool of the host that will load them."""

from __future__ import annotations

import base64
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from deploys.prometheus import KINDS, RULES
from lab.checkout import ROOT
from tests.lab.conftest import converge, shell

HOST = "sclimers-observation"
TESTS = ROOT / "tests" / "rules"
PLACE = "/run/rules"


def test_every_alert_fires_and_stays_silent_as_its_tests_say() -> None:
    converge(HOST)
    said = promtool("test rules tests/*.yaml", archive())
    assert "FAILED" not in said, said
    assert said.count("SUCCESS") == len(list(TESTS.glob("*.yaml")))


def test_every_rule_is_one_that_prometheus_takes() -> None:
    """Those too whose role no host has yet: they land with it."""
    files = [str(path.relative_to(RULES)) for path in rules()]
    said = promtool(f"check rules {' '.join(files)}", archive())
    assert "FAILED" not in said, said
    assert said.count("SUCCESS") == len(files)


def test_an_expectation_that_is_wrong_is_noticed() -> None:
    changed = archive(("/ has 4.0 % left", "/ has 5.0 % left"))
    assert "FAILED" in promtool("test rules tests/node_exporter.yaml", changed)


def promtool(arguments: str, packed: str) -> str:
    """What promtool says in a folder with rules/, recording/ and tests/."""
    unpack = f"printf %s {packed} | base64 -d | tar -xz"
    prepare = f"rm -rf {PLACE} && mkdir {PLACE} && cd {PLACE} && {unpack}"
    return shell(HOST, f"{prepare} && promtool {arguments} 2>&1", check=False)


def rules() -> list[Path]:
    return [path for kind in KINDS for path in sorted((RULES / kind).glob("*.yaml"))]


def archive(change: tuple[str, str] = ("", "")) -> str:
    """The rules and their tests, one text in the tests changed, as base64 of a tar."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for path in rules():
            _add(tar, str(path.relative_to(RULES)), path.read_text())
        for path in sorted(TESTS.glob("*.yaml")):
            _add(tar, f"tests/{path.name}", _completed(path).replace(*change))
    return base64.b64encode(buffer.getvalue()).decode()


def _add(tar: tarfile.TarFile, name: str, text: str) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(text.encode())
    tar.addfile(member, io.BytesIO(text.encode()))


def _completed(path: Path) -> str:
    """A file of tests with the rules' own runbooks, which promtool compares too."""
    document = yaml.safe_load(path.read_text())
    runbooks = dict(_runbooks(RULES / "rules" / path.name))
    document["rule_files"] = [f"../rules/{path.name}"]
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
