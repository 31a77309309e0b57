"""Truth: what dashboards and rules claim, held against what Prometheus really has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import promql_parser as promql

from dashboards import catalogue, expressions, rule_files
from dashboards.expressions import RATE_INTERVAL
from dashboards.metrics import METRICS, stated_unit
from dashboards.panels import OF_LOGS, Dashboard
from deploys.topology import Topology
from tests.lab.metrics_database import Database

GUARD = "templates/nvidia/gpu-guard.sh.j2"
AFTER_AN_EVENT = {
    "ai_idp_gpu_container_lost": GUARD,
    "ai_idp_gpu_container_recreated_total": GUARD,
    "n8n_workflow_failed_total": "tests/lab/test_notes.py",
}
"""Names that are there only after something that must not happen here, and what writes them."""
ONLY_SOMETIMES = {
    'ALERTS{alertstate="firing",severity=~"warning|critical"}': "something is wrong",
    'nginx_requests_total{status=~"5.."}': "a server behind the gateway fails",
    'nginx_requests_total{route!="status",status=~"5.."}': "a server behind the gateway fails",
    'nginx_requests_total{status="429"}': "somebody asks too much at once",
}
"""Selectors that rightly find nothing while all is well; their metric is there all the same."""


@dataclass(frozen=True)
class Asked:
    """One expression, and who asks it."""

    who: str
    expr: str

    @property
    def query(self) -> str:
        """As Grafana sends it, at a window of four scrapes."""
        return self.expr.replace(RATE_INTERVAL, "1m")


def deployed(topology: Topology) -> list[Dashboard]:
    """The dashboards about roles that the lab's hosts have."""
    return [
        dashboard
        for dashboard in catalogue.DASHBOARDS
        if all(topology.having(role) for role in dashboard.roles)
    ]


def shown(topology: Topology) -> list[Asked]:
    """Every query of every deployed dashboard to Prometheus."""
    return [
        Asked(f"{dashboard.title}: {panel.title}", query.expr)
        for dashboard in deployed(topology)
        for panel in dashboard.panels()
        if panel.kind not in OF_LOGS
        for query in panel.queries
    ]


def about_logs(topology: Topology) -> list[str]:
    """Every query of every deployed dashboard to VictoriaLogs."""
    return [
        query.expr
        for dashboard in deployed(topology)
        for panel in dashboard.panels()
        if panel.kind in OF_LOGS
        for query in panel.queries
    ]


def ruled(kind: str, topology: Topology) -> list[Asked]:
    """Every expression of the rules that are deployed, of kind `rules` or `recording`."""
    return [
        Asked(f"{role}: {rule.get('alert', rule.get('record'))}", rule["expr"])
        for role, rules in rule_files.of_kind(kind).items()
        if topology.having(role)
        for rule in rules
    ]


def silent(asked: list[Asked], database: Database) -> list[str]:
    """What yields no number: nothing, or only what is not a number."""
    found = database.values(one.query for one in asked)
    return [f"{one.who}: {one.expr} yields nothing" for one in asked if not found[one.query]]


def unknown(asked: list[Asked], database: Database) -> list[str]:
    """What names a metric that no target serves now, and no rule records."""
    wanted = {name for one in asked for name in expressions.names(one.expr)}
    queries = {name: f'count({{__name__="{name}"}})' for name in wanted - set(AFTER_AN_EVENT)}
    found = database.values(queries.values())
    missing = {name for name, query in queries.items() if not found[query]}
    return [
        f"{one.who}: Prometheus has no {name}"
        for one in asked
        for name in sorted(expressions.names(one.expr) & missing)
    ]


def unmatched(asked: list[Asked], database: Database) -> list[str]:
    """What selects by labels that no series has: it would be silent whatever happens."""
    selectors = {(one.who, _now(found)) for one in asked for found in _selected(one)}
    excused = {*ONLY_SOMETIMES, *AFTER_AN_EVENT}
    asking = [(who, query) for who, query in sorted(selectors) if query not in excused]
    found = database.values(query for _, query in asking)
    return [f"{who}: {query} finds nothing" for who, query in asking if not found[query]]


def _selected(one: Asked) -> Iterator[promql.VectorSelector]:
    for selector in expressions.selectors(one.expr):
        if selector.name not in AFTER_AN_EVENT:
            yield selector


def _now(selector: promql.VectorSelector) -> str:
    """The selector without its offset: what is there now."""
    labels = ",".join(str(matcher) for matcher in selector.matchers.matchers)
    return f"{selector.name}{{{labels}}}" if labels else str(selector.name)


def misstated(asked: list[Asked], database: Database) -> list[str]:
    """Metrics whose kind or unit is another one by the word of the server that has them."""
    described = database.described()
    wanted = {name for one in asked for name in expressions.names(one.expr)} & _bases(described)
    return [
        problem
        for name in sorted({_base(name, described) for name in wanted})
        for problem in _contradictions(name, described[name])
    ]


def _bases(described: Mapping[str, Any]) -> set[str]:
    endings = ("", "_bucket", "_sum", "_count")
    return {f"{name}{ending}" for name in described for ending in endings}


def _base(series: str, described: Mapping[str, Any]) -> str:
    if series in described:
        return series
    return next(
        series.removesuffix(end)
        for end in ("_bucket", "_sum", "_count")
        if series.removesuffix(end) in described
    )


def _contradictions(name: str, stated: Mapping[str, Any]) -> Iterator[str]:
    metric = METRICS[name]
    if stated["type"] not in {metric.kind, "unknown"}:
        yield f"{name} is a {stated['type']}, and a {metric.kind} in dashboards/metrics.py"
    unit = stated_unit(name, stated["help"])
    if unit is not None and not unit.is_same(metric.unit):
        yield f"{name} is in {unit} by its own word, and in {metric.unit} in dashboards/metrics.py"
