"""Hosts that are off: the two that may be fail nobody's run, and need nobody else for their own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

import inventory_json
from lab import network
from lab.checkout import ROOT, container_name
from lab.containers import wait_answering, wait_booted
from lab.engine import docker
from tests.lab.conftest import (
    INVENTORY,
    Done,
    apply,
    converge,
    inventory_hosts,
    plan,
    plan_command,
    shell,
)
from tests.lab.metrics_database import Database
from tests.lab.waiting import wait_until

LAPTOP, BOARD, PRESENT = "xps13", "jetson", "sclimers-grafana"
TWO = (LAPTOP, BOARD)
LIMIT = ("--limit", LAPTOP, "--limit", BOARD)
REPORT = "{} is absent (it may be): nothing was done there"
UNWELL = "docker ps --format '{{.Names}} {{.Status}}' | grep -E 'starting|unhealthy' || :"


@dataclass(frozen=True)
class Alone:
    """The plan of the two while the others were on, then off; a run, and the plan after it."""

    among_others: Done
    planned: Done
    applied: Done
    left: Done


def stopped(hosts: Iterable[str]) -> None:
    docker("stop", "--time", "8", *map(container_name, hosts))


def started(hosts: list[str]) -> None:
    docker("start", *map(container_name, hosts))
    wait_booted(hosts)
    wait_answering(network.read().hosts[host] for host in hosts)


def others() -> list[str]:
    """Every other host, guests after the node that starts them."""
    return [host.name for host in inventory_hosts() if host.name not in TWO]


@pytest.fixture(scope="module")
def without_the_two() -> Iterator[None]:
    stopped(TWO)
    yield
    started(list(TWO))


@pytest.fixture(scope="module")
def alone() -> Iterator[Alone]:
    started(list(TWO))
    converge(*TWO)
    for host in TWO:
        shell(host, "echo '# by hand' >>/etc/hosts")
    among_others = plan_command(*LIMIT, "--json")
    stopped(others())
    try:
        planned = plan_command(*LIMIT, "--json")
        applied = apply(*TWO)
        left = plan_command(*LIMIT, "--json", "--deploy", "deploys.base.install")
    finally:
        started(others())
    yield Alone(among_others, planned, applied, left)
    _wait_until_all_is_well()


def _wait_until_all_is_well() -> None:
    """Later tests find every container healthy, and every target where Prometheus looks."""
    for host in inventory_hosts():
        if "docker" in host.groups:
            wait_until(f"{host.name} is well", partial(_is_well, host.name), 120)
    database = Database(inventory_json.topology(inventory_json.read(ROOT / INVENTORY)))
    down = 'up{job!="blackbox"} == 0'
    wait_until("all targets are up", lambda: not database.values([down])[down], 90)


@pytest.mark.usefixtures("without_the_two")
def test_a_run_mends_the_others_and_reports_the_absent_ones() -> None:
    shell(PRESENT, "echo '# by hand' >>/etc/hosts")
    done = apply(PRESENT, *TWO)
    assert done.returncode == 0, done.stderr
    reports = [line.strip() for line in done.stderr.splitlines() if "absent" in line]
    assert sorted(reports) == sorted(map(REPORT.format, TWO))
    assert plan(PRESENT, deploy="deploys.base.install").exit_code == 0


def test_the_plan_of_the_two_does_not_depend_on_the_others(alone: Alone) -> None:
    assert alone.among_others.returncode == alone.planned.returncode == 2, alone.planned.stderr
    assert _rows(alone.planned) == _rows(alone.among_others)
    assert {host: len(rows) for host, rows in _rows(alone.planned).items()} == dict.fromkeys(TWO, 1)


def test_the_two_are_mended_while_all_others_are_off(alone: Alone) -> None:
    assert alone.applied.returncode == 0, alone.applied.stderr
    assert (alone.left.returncode, json.loads(alone.left.stdout)["failed"]) == (0, {})


def _rows(done: Done) -> dict[str, Any]:
    """What a plan changes on each host; the diffs too."""
    hosts: dict[str, list[Any]] = json.loads(done.stdout)["hosts"]
    return {host: rows for host, rows in hosts.items() if rows}


def _is_well(host: str) -> bool:
    return not shell(host, UNWELL)
