"""Alert limits: the numbers that the alerts compare with, for panels to show the same ones."""

from __future__ import annotations

from typing import Any

import promql_parser as promql

from dashboards import expressions, rule_files
from dashboards.panels import Limits
from dashboards.units import GRAFANA

ORDERS = {"<", "<=", ">", ">="}


class AlertError(Exception):
    """Which alert a panel counts on, and is not there."""


def limits(unit: str, role: str, *alerts: str, complement: bool = False) -> Limits:
    """What the alerts of `role` compare with, in Grafana's `unit`, by their severity.

    `complement`: the alerts are about what is left of a whole, the panel about what is used.
    """
    found = {}
    for name in alerts:
        rule = _alert(role, name)
        found[rule["labels"]["severity"]] = _converted(rule, unit, complement)
    (below,) = {below for _, below in found.values()}
    value = {severity: value for severity, (value, _) in found.items()}
    return Limits(warning=value.get("warning"), critical=value.get("critical"), below=below)


def _alert(role: str, name: str) -> dict[str, Any]:
    for rule in rule_files.of_kind("rules").get(role, []):
        if rule.get("alert") == name:
            return rule
    raise AlertError(f"files/prometheus/rules/{role}.yaml has no alert {name}; a panel shows it")


def _converted(rule: dict[str, Any], unit: str, complement: bool) -> tuple[float, bool]:
    """The number in the panel's unit, and whether less than it is bad."""
    comparison = _comparison(expressions.parsed(rule["expr"]))
    if comparison is None:
        raise AlertError(f"{rule['alert']} compares with no number; a panel cannot show it")
    below = str(comparison.op) in {"<", "<="}
    given = expressions.unit_of(comparison.lhs.prettify(), rule_files.recorded())
    value = expressions.constant(comparison.rhs) * given.factor / GRAFANA[unit][0].factor
    return (round(1 - value, 9), not below) if complement else (round(value, 9), below)


def _comparison(node: promql.Expr) -> promql.BinaryExpr | None:
    """The first comparison with a number that the expression fires by."""
    if isinstance(node, promql.ParenExpr):
        return _comparison(node.expr)
    if not isinstance(node, promql.BinaryExpr):
        return None
    if str(node.op) in ORDERS and expressions.is_constant(node.rhs):
        return node
    return _comparison(node.lhs) or _comparison(node.rhs)
