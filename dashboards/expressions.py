"""Expressions: which metrics a query asks, and the unit of the number that it yields.

The rules are few and explicit: a rate is per second, a quantile has its histogram's unit, a sum
needs equal units, a product multiplies them, and a constant factor turns one unit into another
(`* 1e6` makes Hz of MHz). Whatever is not in them is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import promql_parser as promql

from dashboards.metrics import METRICS, Metric
from dashboards.units import ITEM, RATIO, SECOND, Unit

RATE_INTERVAL = "$__rate_interval"
"""Grafana's own window: four scrapes, or the resolution of the picture where that is longer."""

SAME = {
    *("abs", "ceil", "floor", "round", "clamp_min", "clamp_max", "clamp", "sort", "sort_desc"),
    *("label_replace", "label_join", "increase", "delta", "vector", "scalar", "predict_linear"),
    *("avg_over_time", "min_over_time", "max_over_time", "sum_over_time", "last_over_time"),
}
"""Functions that yield the unit that they are given."""
PER_SECOND = {"rate", "irate", "deriv"}
OF_COUNTERS = {"rate", "irate", "increase"}
COUNTING = {"count_over_time", "changes", "resets"}
BARE = {"absent", "absent_over_time"}
"""Functions that yield 1 or nothing, beside whatever else an alert compares."""
COMPARISONS = {"==", "!=", ">", "<", ">=", "<="}
FILTERS = {"and", "unless"}


class UnitError(Exception):
    """What of an expression has no sensible unit, and why."""


def parsed(query: str) -> promql.Expr:
    """The query as Prometheus reads it, with 1 minute for Grafana's window; ValueError if none."""
    return promql.parse(query.replace(RATE_INTERVAL, "1m"))


def selectors(query: str) -> tuple[promql.VectorSelector, ...]:
    """Every selector of a query; each names what it asks, with its labels."""
    return tuple(_selectors(parsed(query)))


def names(query: str) -> set[str]:
    """The names of all series that a query asks; UnitError where a selector has no name."""
    found = [selector.name for selector in selectors(query)]
    if None in found:
        raise UnitError(f"{query} has a selector without the name of a metric")
    return {name for name in found if name}


def unit_of(query: str, recorded: Mapping[str, str]) -> Unit:
    """The unit of the numbers that a query yields; `recorded` are expressions by their rule.

    A number that asks no metric only counts. UnitError where no rule says what comes out.
    """
    return (_unit(parsed(query), recorded) or ITEM).each()


def described(series: str) -> Metric:
    """The metric that a series belongs to; UnitError where metrics.py does not have it."""
    if series in METRICS:
        return METRICS[series]
    for ending in ("_bucket", "_sum", "_count"):
        metric = METRICS.get(series.removesuffix(ending))
        if series.endswith(ending) and metric and metric.kind == "histogram":
            return Metric("counter", ITEM if ending == "_count" else metric.unit, metric.source)
    raise UnitError(f"{series} is not in dashboards/metrics.py")


def constant(node: promql.Expr) -> float:
    """The value of a number, or of a product of numbers; UnitError of anything else."""
    if isinstance(node, promql.NumberLiteral):
        return node.val
    if isinstance(node, promql.ParenExpr):
        return constant(node.expr)
    if isinstance(node, promql.BinaryExpr) and str(node.op) == "*":
        return constant(node.lhs) * constant(node.rhs)
    raise UnitError(f"{node.prettify()} is no constant")


def is_constant(node: promql.Expr) -> bool:
    """Whether `constant` has an answer."""
    try:
        constant(node)
    except UnitError:
        return False
    return True


def _selectors(node: promql.Expr) -> Iterator[promql.VectorSelector]:
    if isinstance(node, promql.VectorSelector):
        yield node
    elif isinstance(node, promql.MatrixSelector):
        yield node.vector_selector
    for child in _children(node):
        yield from _selectors(child)


def _children(node: promql.Expr) -> list[promql.Expr]:
    if isinstance(node, promql.Call):
        return list(node.args)
    if isinstance(node, promql.BinaryExpr):
        return [node.lhs, node.rhs]
    kinds = (promql.AggregateExpr, promql.ParenExpr, promql.UnaryExpr, promql.SubqueryExpr)
    return [node.expr] if isinstance(node, kinds) else []


def _unit(node: promql.Expr, recorded: Mapping[str, str]) -> Unit | None:
    """None is the unit of a bare number, which takes that of its other side."""
    if isinstance(node, promql.NumberLiteral):
        return None
    if isinstance(node, promql.MatrixSelector):
        return _unit(node.vector_selector, recorded)
    if isinstance(node, promql.VectorSelector):
        name = node.name or ""
        return unit_of(recorded[name], recorded) if name in recorded else described(name).unit
    if isinstance(node, promql.AggregateExpr):
        return ITEM if str(node.op) in {"count", "count_values"} else _unit(node.expr, recorded)
    if isinstance(node, promql.Call):
        return _call(node, recorded)
    if isinstance(node, promql.BinaryExpr):
        return _binary(node, recorded)
    (child,) = _children(node)
    return _unit(child, recorded)


def _call(node: promql.Call, recorded: Mapping[str, str]) -> Unit | None:
    name = node.func.name
    if name in {"time", "timestamp"}:
        return SECOND
    if name == "histogram_quantile":
        return _quantile(node, recorded)
    if name in BARE:
        return None
    if name in COUNTING:
        return ITEM
    if name in OF_COUNTERS:
        _insist_on_counter(node.args[0], name)
    unit = _unit(node.args[0], recorded)
    if name in PER_SECOND and unit:
        return unit / SECOND
    if name in SAME:
        return unit
    raise UnitError(f"{name}() has no rule in dashboards/expressions.py")


def _quantile(node: promql.Call, recorded: Mapping[str, str]) -> Unit:
    """A quantile is in the unit of what the buckets sort, whatever the rate of their counts."""
    buckets = node.args[1]
    if "le" not in _kept_labels(buckets):
        raise UnitError(f"{node.prettify()} adds the buckets up without `by (le)`")
    (selector,) = _selectors(buckets)
    name = selector.name or ""
    if not name.endswith("_bucket"):
        raise UnitError(f"{name} has no buckets to take a quantile of")
    return described(name).unit


def _kept_labels(node: promql.Expr) -> list[str]:
    if not isinstance(node, promql.AggregateExpr):
        return ["le"]
    kept = node.modifier
    by = kept is not None and kept.type == promql.AggModifierType.By
    return kept.labels if kept and by else []


def _insist_on_counter(argument: promql.Expr, function: str) -> None:
    for selector in _selectors(argument):
        if described(selector.name or "").kind != "counter":
            raise UnitError(f"{function}() of {selector.name}, which is no counter")


def _binary(node: promql.BinaryExpr, recorded: Mapping[str, str]) -> Unit | None:
    operator = str(node.op)
    left, right = _unit(node.lhs, recorded), _unit(node.rhs, recorded)
    if operator in {"*", "/"}:
        return _product(node, operator, left, right)
    if operator in FILTERS:
        return left
    if left and right and not left.each().is_same(right.each()):
        raise UnitError(f"{node.prettify()} brings {left} and {right} together")
    if operator in COMPARISONS and node.modifier and node.modifier.return_bool:
        return ITEM
    if operator in {*COMPARISONS, "+", "-", "or"}:
        return left or right
    raise UnitError(f"the operator {operator} has no rule in dashboards/expressions.py")


def _product(
    node: promql.BinaryExpr, operator: str, left: Unit | None, right: Unit | None
) -> Unit | None:
    if left and right:
        return left * right if operator == "*" else left / right
    if left is None and right is None:
        return None
    number = constant(node.rhs if right is None else node.lhs)
    if number == 0:
        # Zero of whatever it is, for those that have nothing to add.
        return left or right
    if operator == "*":
        return (left or right or RATIO).scaled(1 / number)
    return left.scaled(number) if left else (right or RATIO).inverse()
