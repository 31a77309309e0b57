"""Retire: a role taken off a host is named, then removed when asked to, and its data are kept."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploys.alertmanager import NO_RECEIVER
from lab import network
from lab.checkout import LAB, ROOT, STATE
from tests.lab.announced import differences
from tests.lab.conftest import apply, converge, observe_all, plan, shell

OLD, NEW = "sclimers-observation", "sclimers-grafana"
NOTICE = "the role prometheus was taken off this host; `make retire` removes it"
DATA = "/var/lib/prometheus/metrics2"
MOVED = f'''\
"""Who, in the lab, once Prometheus has moved to another host."""

import preflight
from lab.inventory import *

prometheus = ["{NEW}"]
# What it keeps is held against the disk of its host.
_hardware = dict(all)["{OLD}"]["hardware"]
all = [(name, {{**data, "hardware": _hardware}} if name == "{NEW}" else data) for name, data in all]

preflight.check(__file__)
'''


@pytest.fixture(scope="module")
def moved() -> Iterator[str]:
    """The lab's inventory, with Prometheus on another host; only the old one is touched by it."""
    folder = STATE / "moved"
    folder.mkdir(exist_ok=True)
    inventory = folder / "inventory.py"
    inventory.write_text(MOVED)
    group_data = folder / "group_data"
    if not group_data.is_symlink():
        group_data.symlink_to(LAB / "group_data")
    yield str(inventory.relative_to(ROOT))
    _remove(folder)
    converge(OLD)


def _remove(folder: Path) -> None:
    for path in (folder / "inventory.py", folder / "group_data"):
        path.unlink()
    folder.rmdir()


def test_a_role_taken_off_is_named_until_it_is_retired_and_comes_back_with_its_data(
    moved: str,
) -> None:
    remembered = time.time()
    assert _targets_up(remembered) > 0

    _is_named_and_left_alone(moved)
    _is_removed_when_asked_to(moved)

    done = apply(OLD)
    assert done.returncode == 0, done.stderr
    assert _targets_up(remembered) > 0
    assert plan(OLD).exit_code == 0


def _is_named_and_left_alone(inventory: str) -> None:
    first = plan(OLD, inventory=inventory)
    assert first.notices == {OLD: [NOTICE, NO_RECEIVER]}
    done = apply(OLD, inventory=inventory)
    assert done.returncode == 0, done.stderr
    assert NOTICE in done.stderr
    assert shell(OLD, "systemctl is-active prometheus").strip() == "active"
    second = plan(OLD, inventory=inventory)
    assert (second.exit_code, second.notices) == (0, {OLD: [NOTICE, NO_RECEIVER]})


def _is_removed_when_asked_to(inventory: str) -> None:
    announced = plan(OLD, deploy="retire.py", inventory=inventory)
    assert announced.exit_code == 2
    before = observe_all([OLD])[OLD]
    done = apply(OLD, deploy="retire.py", inventory=inventory)
    assert done.returncode == 0, done.stderr
    after = observe_all([OLD])[OLD]
    assert differences(announced.hosts[OLD], before, after) == []
    assert not after.units.keys() & {"prometheus.service"}
    assert "/etc/prometheus/prometheus.yml" not in after.entries
    assert "/etc/prometheus/secrets/llama_cpp/api-key" not in after.entries
    assert shell(OLD, f"ls {DATA}").split()
    again = plan(OLD, inventory=inventory)
    assert (again.exit_code, again.notices) == (0, {OLD: [NO_RECEIVER]})


def _targets_up(moment: float) -> int:
    """How many targets Prometheus remembers as up at `moment`."""
    address = network.read().hosts[OLD]
    query = f"http://{address}:9090/api/v1/query?query=up&time={moment}"
    answer = json.loads(shell(OLD, f"curl --fail --silent --noproxy '*' '{query}'"))
    return len([row for row in answer["data"]["result"] if row["value"][1] == "1"])
