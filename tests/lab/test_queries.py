"""Dashboards and alerts tell the truth: each query, against the lab's Prometheus, under traffic."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

import inventory_json
from deploys.prometheus import Prometheus
from deploys.topology import Topology
from lab.checkout import ROOT
from tests.lab import truth
from tests.lab.conftest import INVENTORY, converge, shell
from tests.lab.logs import found
from tests.lab.metrics_database import Database
from tests.lab.traffic import Traffic
from tests.lab.truth import Asked
from tests.lab.waiting import wait_until

pytestmark = pytest.mark.lab

CARD_HOST = "schlimers-server"
RECORDING = "/usr/share/dcgm/geforce.prom"
RENAMED = "DCGM_FI_DEV_FB_USED"
ENOUGH = 20
"""Rounds of each user."""
SETTLED_SECONDS = 120
"""Two scrapes for a rate, one evaluation for a recorded one, and the slowest probe."""


@pytest.fixture(scope="module")
def topology() -> Topology:
    return inventory_json.topology(inventory_json.read(ROOT / INVENTORY))


@pytest.fixture(scope="module")
def database(topology: Topology) -> Database:
    converge("prometheus", "dcgm_exporter")
    return Database(topology)


@pytest.fixture(scope="module")
def traffic(topology: Topology, database: Database, everything: list[Asked]) -> Iterator[Traffic]:
    """Users at work, for so long that everything that is asked of them has had time to show."""
    asked = [*truth.shown(topology), *truth.ruled("recording", topology)]
    with Traffic(topology) as traffic:
        deadline = time.monotonic() + SETTLED_SECONDS
        while time.monotonic() < deadline:
            time.sleep(3)
            if traffic.fewest < ENOUGH or truth.silent(asked, database):
                continue
            # A server that was restarted a moment ago counts anew from its first event on.
            if not truth.unmatched(everything, database):
                break
        yield traffic
    assert traffic.problems == []


@pytest.fixture(scope="module")
def rules(topology: Topology) -> list[Asked]:
    return [*truth.ruled("rules", topology), *truth.ruled("recording", topology)]


@pytest.fixture(scope="module")
def everything(topology: Topology, rules: list[Asked]) -> list[Asked]:
    return [*truth.shown(topology), *rules]


def test_the_services_answer_as_expected(traffic: Traffic) -> None:
    assert traffic.fewest >= ENOUGH
    assert not traffic.problems


def test_every_query_of_every_dashboard_yields_something(
    traffic: Traffic, topology: Topology, database: Database
) -> None:
    assert truth.silent(truth.shown(topology), database) == []


def test_every_recording_rule_yields_something(
    traffic: Traffic, topology: Topology, database: Database
) -> None:
    assert truth.silent(truth.ruled("recording", topology), database) == []


def test_every_metric_that_is_named_is_served(
    traffic: Traffic, everything: list[Asked], database: Database
) -> None:
    assert truth.unknown(everything, database) == []


@pytest.mark.parametrize(("name", "writer"), truth.AFTER_AN_EVENT.items())
def test_a_metric_that_only_an_event_brings_is_one_that_its_writer_knows(
    name: str, writer: str
) -> None:
    assert name in (ROOT / writer).read_text(encoding="utf-8")


def test_every_selector_finds_something(
    traffic: Traffic, everything: list[Asked], database: Database
) -> None:
    assert truth.unmatched(everything, database) == []


def test_every_metric_has_the_kind_and_the_unit_that_its_server_states(
    traffic: Traffic, everything: list[Asked], database: Database
) -> None:
    assert truth.misstated(everything, database) == []


def _finds(query: str) -> bool:
    return bool(found(query))


def test_every_query_about_logs_finds_lines(topology: Topology) -> None:
    converge("victoria_logs", CARD_HOST)
    shell(CARD_HOST, "logger --priority user.err an error to be found")
    asked = truth.about_logs(topology)
    assert asked
    for expr in asked:
        few = expr if "| stats" in expr else f"{expr} | limit 5"
        wait_until(f"`{expr}` finds something", partial(_finds, few), 40)


def test_the_rules_of_the_files_are_those_that_prometheus_evaluates(
    rules: list[Asked], database: Database
) -> None:
    (answer,) = database.answers(["rules"])
    loaded = {rule["name"] for group in answer["data"]["groups"] for rule in group["rules"]}
    assert loaded == {asked.who.partition(": ")[2] for asked in rules}


@pytest.fixture
def renamed(topology: Topology) -> Iterator[str]:
    """A metric that the stand-in serves under another name for the length of a test."""
    find = (
        "docker inspect --format '{{.GraphDriver.Data.MergedDir}}' "
        "$(docker ps --quiet --filter label=com.docker.compose.project=dcgm_exporter)"
    )
    recording = Path(shell(CARD_HOST, find).strip() + RECORDING)
    shell(CARD_HOST, f"sed -i 's/{RENAMED}/{RENAMED}_MIB/' {recording}")
    yield RENAMED
    shell(CARD_HOST, f"sed -i 's/{RENAMED}_MIB/{RENAMED}/' {recording}")


def test_a_metric_under_another_name_is_noticed(
    renamed: str, topology: Topology, everything: list[Asked], database: Database
) -> None:
    ((_, settings),) = topology.holders(Prometheus)
    wait_until(
        "Prometheus has asked the exporter again",
        lambda: not database.values([renamed])[renamed],
        2 * settings.scrape_interval_seconds + 5,
    )
    named = {one.who for one in everything if renamed in one.expr}
    found = {problem.rpartition(": ")[0] for problem in truth.unknown(everything, database)}
    assert named and found >= named
    assert "GPU: Memory" in found
    found_silent = truth.silent(truth.shown(topology), database)
    assert f"GPU: Memory: {renamed} yields nothing" in found_silent
