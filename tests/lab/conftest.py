"""The lab ring: it runs the product's own commands and looks at the hosts through the engine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest

import inventory_json
import planning
from inventory_json import InventoryHost
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


@cache
def inventory_hosts() -> tuple[InventoryHost, ...]:
    """Every host of the lab's inventory with its data, which no test changes."""
    return tuple(inventory_json.read(ROOT / INVENTORY))


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


def converge(*limit: str, deploy: str = "deploy.py") -> None:
    """Insist that a run leaves nothing to do, or that there is nothing to do without one."""
    if plan(*limit, deploy=deploy).exit_code != 0:
        repair(*limit, deploy=deploy)


def repair(*limit: str, deploy: str = "deploy.py") -> None:
    """As `converge`, of what is known to differ: a run, and a plan that is empty after it."""
    done = apply(*limit, deploy=deploy)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    left = plan(*limit, deploy=deploy)
    assert left.exit_code == 0, f"left to do: {left.hosts}; {left.failed}; {left.errors}"


@pytest.fixture(scope="module")
def lab_converged() -> None:
    """The whole lab as it should be, once for a module whose tests repair what they disturb."""
    converge()
