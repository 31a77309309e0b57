"""The lab ring: it runs the product's own commands and looks at the hosts through the engine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import planning
from lab.checkout import ROOT, container_name
from lab.observer import Observation, observe
from planning import Plan

INVENTORY = "lab/inventory.py"
PYINFRA = str(Path(sys.executable).with_name("pyinfra"))

Done = subprocess.CompletedProcess[str]


def shell(host: str, command: str, check: bool = True) -> str:
    """Run `command` as root on a lab host, past SSH and past our own operations."""
    run = subprocess.run(
        ["docker", "exec", "-i", container_name(host), "sh", "-c", command],
        capture_output=True,
        text=True,
    )
    if check and run.returncode != 0:
        raise AssertionError(f"{host}: {command} ended with {run.returncode}: {run.stderr}")
    return run.stdout


def plan(*limit: str, deploy: str = "deploy.py", inventory: str = INVENTORY) -> Plan:
    return planning.make(inventory, limit, deploy)


def plan_command(*arguments: str, inventory: str = INVENTORY) -> Done:
    """Run ./plan as a person would."""
    command = ["./plan", inventory, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def pyinfra(*arguments: str, timeout: int = 900) -> Done:
    """Run pyinfra on the lab's inventory, as a person would, and wait for it."""
    command = [PYINFRA, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout)


def apply(*limit: str, deploy: str = "deploy.py", inventory: str = INVENTORY) -> Done:
    limits = [word for name in limit for word in ("--limit", name)]
    return pyinfra("-y", inventory, deploy, *limits)


def observe_all(hosts: Sequence[str]) -> dict[str, Observation]:
    """What is on each of `hosts` now."""
    with ThreadPoolExecutor(max_workers=3) as pool:
        return dict(zip(hosts, pool.map(observe, hosts), strict=True))


def changed(plan: Plan) -> dict[str, set[tuple[str, str, str]]]:
    """What a plan names: (kind, action, what) by host."""
    return {
        host: {(row["kind"], row["action"], row["what"]) for row in rows}
        for host, rows in plan.hosts.items()
        if rows
    }


def converge(*limit: str) -> None:
    """Insist that a run leaves nothing to do, or that there is nothing to do without one."""
    if plan(*limit).exit_code != 0:
        done = apply(*limit)
        assert done.returncode == 0, done.stderr
        assert plan(*limit).exit_code == 0


@pytest.fixture(scope="module")
def lab_converged() -> None:
    """As `converged`, once for a module whose tests repair what they disturb."""
    converge()


@pytest.fixture
def converged() -> None:
    """The lab as it should be before a test disturbs it; a disturbed one is repaired first."""
    if plan().exit_code != 0:
        done = apply()
        assert done.returncode == 0, done.stderr
        assert plan().exit_code == 0


@pytest.fixture
def repaired() -> Callable[[], None]:
    """Roll out and insist that nothing is left to do."""

    def repair() -> None:
        done = apply()
        assert done.returncode == 0, done.stderr
        assert plan().exit_code == 0

    return repair
