"""How many remote commands a run costs: few for each role, and no more for a larger set."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from benchmarks.remote_commands import Counts, count
from tests.lab.conftest import INVENTORY

MOST = 4
"""Remote commands of one role on one host, in a pass that finds nothing to do."""
MORE = {"NVIDIA": 8, "Docker": 8, "Grafana": 6}
"""NVIDIA reads what no other role has: card, sources, headers, driver, loaded module, CDI. Docker
is two services, and asks for the board, the disks and a Jetson's container toolkit; Grafana has a
repository and a release archive."""

SAMPLE_HOST = "xps13"
FEW = {"sample_files": 1, "sample_units": 1, "sample_packages": 1}
MANY = {"sample_files": 100, "sample_units": 10, "sample_packages": 10}
NONE = dict.fromkeys(FEW, 0)


Report = Callable[[str], None]


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Report:
    """Says a figure on the terminal, whether or not the test passes."""

    def say(line: str) -> None:
        with capsys.disabled():
            print(f"\n  remote commands, {line}", end="")

    return say


@pytest.mark.parametrize("pass_", ["--dry", "-y"])
def test_a_converged_run_costs_each_role_few_commands(
    lab_converged: None, report: Report, pass_: str
) -> None:
    counts = count(INVENTORY, "deploy.py", pass_)

    for host, by_role in counts.items():
        report(f"{host} {pass_}: {_row(by_role)}")
    costs = {(host, role): n for host, by_role in counts.items() for role, n in by_role.items()}
    assert {key: n for key, n in costs.items() if n > MORE.get(key[1], MOST)} == {}
    assert {role for _, role in costs} >= {"Base", "SSH", "Firewall", "Node exporter"}


def test_every_command_is_counted() -> None:
    """The control of the counter: it finds exactly what was asked for."""
    alone = count(INVENTORY, "exec", "--limit", SAMPLE_HOST, "--", "true")

    assert {host: sum(by_role.values()) for host, by_role in alone.items()} == {SAMPLE_HOST: 1}


@pytest.fixture(scope="module")
def costs() -> Iterator[dict[tuple[str, str], tuple[int, int]]]:
    """The cost of few and of many, by what is done to a set and what the set is of."""
    try:
        few, many = _life(FEW), _life(MANY)
    finally:
        _run(NONE)
    yield {
        (stage, kind): (few[stage][kind], many[stage][kind])
        for stage in few
        for kind in ("Files", "Units", "Packages")
    }


@pytest.mark.parametrize("kind", ["Files", "Units", "Packages"])
@pytest.mark.parametrize("stage", ["created", "converged", "planned anew", "changed"])
def test_many_cost_no_more_commands_than_one(
    costs: dict[tuple[str, str], tuple[int, int]],
    report: Report,
    stage: str,
    kind: str,
) -> None:
    few, many = costs[stage, kind]

    report(f"{kind} {stage}: {few} for one, {many} for many")
    assert few == many > 0


def _life(amount: dict[str, int]) -> dict[str, dict[str, int]]:
    """What the stages of a set's life cost, from a host without it to one with a changed one."""
    _run(NONE)
    return {
        "created": _run(amount),
        "converged": _run(amount),
        "planned anew": _run(amount, "--data", "sample_text=new", "--dry", "--diff"),
        "changed": _run(amount, "--data", "sample_text=new"),
    }


def _run(amount: dict[str, int], *arguments: str) -> dict[str, int]:
    data = [word for name, number in amount.items() for word in ("--data", f"{name}={number}")]
    how = arguments if "--dry" in arguments else (*arguments, "-y")
    deploy = "tests/lab/growing_sets.py"
    counts: Counts = count(INVENTORY, deploy, "--limit", SAMPLE_HOST, *data, *how)
    return counts[SAMPLE_HOST]


def _row(by_role: dict[str, int]) -> str:
    return ", ".join(f"{role} {number}" for role, number in by_role.items())
