"""Recording: what each query of a dashboard yields in the lab, while users are at work there."""

from __future__ import annotations

import math
import re
import time
from contextlib import ExitStack
from typing import Any

import inventory_json
from dashboards import catalogue
from dashboards.expressions import RATE_INTERVAL
from dashboards.panels import OF_LOGS, Query
from deploys.topology import Topology
from lab.checkout import ROOT
from tests.lab.metrics_database import Database
from tests.lab.traffic import Traffic

STEP_SECONDS = 15
DIGITS = 4


def record(name: str, crowds: list[int], wave_seconds: int) -> dict[str, Any]:
    """The results by panel: for each series its name in the legend and its value at each step."""
    topology = inventory_json.topology(inventory_json.read(ROOT / "lab" / "inventory.py"))
    start = time.time()
    _make_waves(topology, crowds, wave_seconds)
    return results(name, topology, start, time.time())


def results(name: str, topology: Topology, start: float, end: float) -> dict[str, Any]:
    """What the dashboard's queries yielded from `start` to `end`."""
    (dashboard,) = (one for one in catalogue.DASHBOARDS if one.uid == name)
    first, last = (STEP_SECONDS * math.floor(moment / STEP_SECONDS) for moment in (start, end))
    asked = {
        panel.title: [(query, query.expr.replace(RATE_INTERVAL, "1m")) for query in panel.queries]
        for panel in dashboard.panels()
        if panel.kind not in OF_LOGS
    }
    queries = [expr for pairs in asked.values() for _, expr in pairs]
    found = Database(topology).ranges(queries, first, last, STEP_SECONDS)
    moments = range(first, last + 1, STEP_SECONDS)
    panels = {
        title: [
            {"name": _legend(query, series["metric"]), "values": _values(series, moments)}
            for query, expr in pairs
            for series in found[expr]
        ]
        for title, pairs in asked.items()
    }
    return {"dashboard": name, "start": first, "step": STEP_SECONDS, "panels": panels}


def _make_waves(topology: Topology, crowds: list[int], wave_seconds: int) -> None:
    for crowd in crowds:
        with ExitStack() as users:
            for _ in range(crowd):
                users.enter_context(Traffic(topology))
            time.sleep(wave_seconds)


def _legend(query: Query, labels: dict[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), query.legend)


def _values(series: dict[str, Any], moments: range) -> list[float | None]:
    """The value at each moment, four digits of it; None where there is none."""
    values = {int(moment): float(value) for moment, value in series["values"]}
    rounded = {at: float(f"{value:.{DIGITS}g}") for at, value in values.items()}
    return [rounded[at] if at in rounded and math.isfinite(rounded[at]) else None for at in moments]
