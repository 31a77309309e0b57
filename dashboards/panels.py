"""Panels: the few kinds that the dashboards are made of, and how Grafana is told of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from string import ascii_uppercase
from typing import Literal

from grafana_foundation_sdk.builders import bargauge, common, dashboard, logs, stat, timeseries
from grafana_foundation_sdk.builders import prometheus as prometheus_query
from grafana_foundation_sdk.cog import builder as cogbuilder
from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.models import common as common_model
from grafana_foundation_sdk.models import dashboard as model

PROMETHEUS = model.DataSourceRef(type_val="prometheus", uid="prometheus")
LOGS = model.DataSourceRef(type_val="victoriametrics-logs-datasource", uid="victoria-logs")

Kind = Literal["graph", "number", "bars", "lines", "line counts"]
OF_LOGS: tuple[Kind, ...] = ("lines", "line counts")
Builder = timeseries.Panel | stat.Panel | bargauge.Panel | logs.Panel


@dataclass(frozen=True)
class Query:
    """One query of a panel; `legend` names its series, with labels in double braces."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Limits:
    """From where on a number is bad: what the alerts say; `below` where less is worse."""

    warning: float | None = None
    critical: float | None = None
    below: bool = False


@dataclass(frozen=True)
class Panel:
    """One panel. `width` is of 24 columns, `height` of rows of 30 pixels; `unit` is Grafana's.

    `description` says what the number is and what to think of it. `maximum` fixes the axis.
    """

    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    kind: Kind = "graph"
    width: int = 8
    height: int = 8
    limits: Limits = Limits()
    stacked: bool = False
    maximum: float | None = None
    decimals: int | None = None


@dataclass(frozen=True)
class Row:
    """Panels under a heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Dashboard:
    """A dashboard; `roles` name what at least one host must have, else it is not deployed."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]
    roles: tuple[str, ...] = ()
    tags: tuple[str, ...] = field(default=("ai-idp",))

    def panels(self) -> tuple[Panel, ...]:
        return tuple(panel for row in self.rows for panel in row.panels)

    def build(self) -> model.Dashboard:
        """The dashboard as Grafana reads it."""
        built = (
            dashboard.Dashboard(self.title)
            .uid(self.uid)
            .description(self.description)
            .tags([*self.tags, *(f"role:{role}" for role in self.roles)])
            .timezone("browser")
            .time("now-1h", "now")
            .refresh("30s")
            .tooltip(model.DashboardCursorSync.CROSSHAIR)
            .readonly()
        )
        numbers = count(1)
        for row in self.rows:
            built = built.with_row(dashboard.Row(row.title).id(next(numbers)))
            for panel in row.panels:
                built = built.with_panel(_built(panel).id(next(numbers)))
        return built.build()


class LogsQuery(cogbuilder.Builder[variants.Dataquery], variants.Dataquery):
    """A query in LogsQL, as the plugin of VictoriaLogs reads it (its src/types.ts)."""

    def __init__(self, query: Query, ref_id: str, counts: bool) -> None:
        self.query, self.ref_id, self.counts = query, ref_id, counts

    def build(self) -> LogsQuery:
        return self

    def to_json(self) -> dict[str, object]:
        return {
            "refId": self.ref_id,
            "datasource": LOGS.to_json(),
            "expr": self.query.expr,
            "queryType": "statsRange" if self.counts else "instant",
            **({"legendFormat": self.query.legend} if self.counts else {"maxLines": 500}),
        }


def _built(panel: Panel) -> Builder:
    builder = _KINDS[panel.kind](panel)
    builder.title(panel.title).description(panel.description).unit(panel.unit)
    builder.span(panel.width).height(panel.height).thresholds(_thresholds(panel.limits))
    builder.datasource(LOGS if panel.kind in OF_LOGS else PROMETHEUS)
    for query, letter in zip(panel.queries, ascii_uppercase, strict=False):
        builder.with_target(_target(panel.kind, query, letter))
    if panel.decimals is not None:
        builder.decimals(panel.decimals)
    if panel.maximum is not None:
        builder.min(0).max(panel.maximum)
    return builder


def _target(kind: Kind, query: Query, letter: str) -> cogbuilder.Builder[variants.Dataquery]:
    if kind in OF_LOGS:
        return LogsQuery(query, letter, counts=kind == "line counts")
    target = prometheus_query.Dataquery().expr(query.expr).ref_id(letter).datasource(PROMETHEUS)
    if query.legend:
        target.legend_format(query.legend)
    return target.range() if kind == "graph" else target.instant()


def _graph(panel: Panel) -> timeseries.Panel:
    builder = (
        timeseries.Panel()
        .line_width(2)
        .fill_opacity(35 if panel.stacked else 12)
        .show_points(common_model.VisibilityMode.NEVER)
        .color_scheme(_color(model.FieldColorModeId.PALETTE_CLASSIC))
        .legend(_legend())
        .tooltip(_tooltip())
    )
    if panel.maximum is None:
        builder.axis_soft_min(0)
    if panel.stacked:
        builder.stacking(common.StackingConfig().mode(common_model.StackingMode.NORMAL))
    if panel.limits != Limits():
        style = common_model.GraphThresholdsStyleMode.DASHED
        builder.thresholds_style(common.GraphThresholdsStyleConfig().mode(style))
    return builder


def _number(panel: Panel) -> stat.Panel:
    return (
        stat.Panel()
        .reduce_options(_last())
        .color_mode(common_model.BigValueColorMode.VALUE)
        .graph_mode(common_model.BigValueGraphMode.NONE)
        .color_scheme(_color(model.FieldColorModeId.THRESHOLDS))
    )


def _bars(panel: Panel) -> bargauge.Panel:
    return (
        bargauge.Panel()
        .reduce_options(_last())
        .orientation(common_model.VizOrientation.HORIZONTAL)
        .display_mode(common_model.BarGaugeDisplayMode.BASIC)
        .color_scheme(_color(model.FieldColorModeId.THRESHOLDS))
    )


def _logs(panel: Panel) -> logs.Panel:
    return (
        logs.Panel()
        .show_time(True)
        .wrap_log_message(True)
        .enable_log_details(True)
        .sort_order(common_model.LogsSortOrder.DESCENDING)
    )


def _counts(panel: Panel) -> timeseries.Panel:
    return _graph(panel).draw_style(common_model.GraphDrawStyle.BARS)


_KINDS: dict[Kind, Callable[[Panel], Builder]] = {
    "graph": _graph,
    "number": _number,
    "bars": _bars,
    "lines": _logs,
    "line counts": _counts,
}


def _thresholds(limits: Limits) -> dashboard.ThresholdsConfig:
    """Green, orange from the warning on, red from the critical one on; or the other way round."""
    given = [(limits.warning, "orange"), (limits.critical, "red")]
    steps = [(value, color) for value, color in given if value is not None]
    # Grafana's steps count upwards, and the first one is everything below.
    if limits.below:
        steps = [*reversed(steps)]
        colors = [color for _, color in steps] + ["green"]
        values = [None, *(value for value, _ in steps)]
    else:
        colors = ["green", *(color for _, color in steps)]
        values = [None, *(value for value, _ in steps)]
    return (
        dashboard.ThresholdsConfig()
        .mode(model.ThresholdsMode.ABSOLUTE)
        .steps([model.Threshold(value, color) for value, color in zip(values, colors, strict=True)])
    )


def _color(mode: model.FieldColorModeId) -> dashboard.FieldColor:
    return dashboard.FieldColor().mode(mode)


def _legend() -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .display_mode(common_model.LegendDisplayMode.LIST)
        .placement(common_model.LegendPlacement.BOTTOM)
        .show_legend(True)
    )


def _tooltip() -> common.VizTooltipOptions:
    return (
        common.VizTooltipOptions()
        .mode(common_model.TooltipDisplayMode.MULTI)
        .sort(common_model.SortOrder.DESCENDING)
    )


def _last() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"])
