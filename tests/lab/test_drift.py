"""Drift: the plan names exactly what was changed by hand, and the run repairs exactly that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from lab.machines import all_machines
from lab.observer import Observation
from planning import Plan
from tests.lab.announced import STARTED_BY_OTHERS, differences, is_generated, is_known
from tests.lab.conftest import Done, apply, converge, observe_all, plan, shell
from tests.lab.drift import BATCHES, BY_HAND_IMAGE, SERVER, Change, Drift

HOSTS = [machine.name for machine in all_machines()]
CASES = [
    pytest.param(batch, drift, id=drift.id) for batch, drifts in BATCHES.items() for drift in drifts
]


@dataclass(frozen=True)
class Episode:
    """One batch of drift: the lab before it, with it and after its repair."""

    before: dict[str, Observation]
    drifted: dict[str, Observation]
    plan: Plan
    run: Done
    repaired: dict[str, Observation]
    second_plan: Plan


@pytest.fixture(scope="module")
def episodes() -> Iterator[dict[str, Episode]]:
    converge()
    found, before = {}, observe_all(HOSTS)
    for name, drifts in BATCHES.items():
        found[name] = _episode(drifts, before)
        before = found[name].repaired
    yield found
    shell(SERVER, f"docker image rm {BY_HAND_IMAGE}")
    if found[name].second_plan.exit_code != 0:
        apply()


def _episode(drifts: tuple[Drift, ...], before: dict[str, Observation]) -> Episode:
    for drift in drifts:
        shell(drift.host, drift.by_hand)
    drifted = observe_all(HOSTS)
    announced, run = plan(), apply()
    return Episode(before, drifted, announced, run, observe_all(HOSTS), plan())


@pytest.mark.parametrize(("batch", "drift"), CASES)
def test_the_plan_names_what_was_changed_by_hand(
    episodes: dict[str, Episode], batch: str, drift: Drift
) -> None:
    assert drift.named <= _named(episodes[batch].plan, drift.host)


@pytest.mark.parametrize("batch", BATCHES)
def test_the_plan_names_nothing_else(episodes: dict[str, Episode], batch: str) -> None:
    done = {host: set[Change]() for host in HOSTS}
    for drift in BATCHES[batch]:
        done[drift.host] |= drift.named
    episode = episodes[batch]
    assert {host: _named(episode.plan, host) for host in HOSTS} == done
    assert episode.plan.exit_code == 2


@pytest.mark.parametrize("batch", BATCHES)
def test_the_run_does_what_the_plan_announced(episodes: dict[str, Episode], batch: str) -> None:
    episode = episodes[batch]
    assert episode.run.returncode == 0, episode.run.stderr
    wrong = {
        host: differences(rows, episode.drifted[host], episode.repaired[host])
        for host, rows in episode.plan.hosts.items()
    }
    assert {host: found for host, found in wrong.items() if found} == {}


@pytest.mark.parametrize("batch", BATCHES)
def test_the_run_repairs_everything(episodes: dict[str, Episode], batch: str) -> None:
    episode = episodes[batch]
    for host in HOSTS:
        assert _lasting(episode.repaired[host]) == _lasting(episode.before[host]), host
    assert episode.second_plan.exit_code == 0, episode.second_plan


def _named(plan: Plan, host: str) -> set[Change]:
    return {
        (row["kind"], row["action"], _what(row["kind"], row["what"]))
        for row in plan.hosts.get(host, [])
    }


def _what(kind: str, what: str) -> str:
    return what.partition(":")[0] if kind == "setting" else what


def _lasting(seen: Observation) -> Observation:
    """What was seen, without moments in time: of a container's start, and in generated files.

    Units that nobody enables or disables come and go as others ask for them; one that a timer
    starts is at work at some moments, and then neither active nor off.
    """
    entries = {path: entry for path, entry in seen.entries.items() if not is_generated(path)}
    units = {
        name: ("active" if activity == "active" else "", enablement)
        for name, (activity, enablement) in seen.units.items()
        if enablement in ("enabled", "disabled") and not is_known(name, STARTED_BY_OTHERS)
    }
    containers = {name: (image, state, "") for name, (image, state, _) in seen.containers.items()}
    return replace(seen, entries=entries, units=units, containers=containers)
