"""Charts: lines over time, a number, or bars, in the unit and with the limits of their panel."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from xml.sax.saxutils import escape

from dashboards.panels import Kind, Limits, Panel
from docs.dashboard_picture.numbers import ticks, written

COLORS = (
    *("#73bf69", "#f2cc0c", "#8ab8ff", "#ff9830", "#b877d9", "#5cd6c8", "#ff7383", "#c8f2c2"),
    *("#ffee52", "#c0d8ff"),
)
GREEN, ORANGE, RED = "#73bf69", "#ff9830", "#f2495c"
GRID, FAINT, PLAIN = "#2f343c", "#9fa7b3", "#ccccdc"
BINARY = {"bytes", "mbytes", "binBps"}
LETTER = 6.3
"""About the width of a letter of the legend, for what has to fit in a line."""


@dataclass(frozen=True)
class Box:
    """A place on the picture, in its own units."""

    left: float
    top: float
    width: float
    height: float

    def shrunk(self, by: float) -> Box:
        return Box(self.left + by, self.top + by, self.width - 2 * by, self.height - 2 * by)


@dataclass(frozen=True)
class Series:
    """A line of the legend, and its value at each step; None where there was none."""

    name: str
    values: list[float | None]

    @property
    def last(self) -> float | None:
        return next((value for value in reversed(self.values) if value is not None), None)


def text(
    words: str,
    x: float,
    y: float,
    size: float,
    color: str,
    weight: int = 400,
    anchor: str = "start",
) -> str:
    bold = f' font-weight="{weight}"' if weight != 400 else ""
    place = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{color}"{bold}{place}>'
        f"{escape(words)}</text>"
    )


def graph(panel: Panel, box: Box, series: list[Series], start: int, step: int) -> list[str]:
    """Lines over time, with axes, the limits of the alerts, and a legend with the last values."""
    legend, legend_height = _legend(panel, box, series)
    head, clock = 44, 30
    plot = Box(
        box.left + 70,
        box.top + head,
        box.width - 86,
        box.height - head - clock - legend_height,
    )
    levels = _stacked(series) if panel.stacked else [one.values for one in series]
    highest = max((value for line in levels for value in line if value is not None), default=0)
    marks = [value for value, _ in _marks(panel.limits) if value <= 1.3 * highest]
    axis = (
        [panel.maximum * part / 4 for part in range(5)]
        if panel.maximum
        else ticks(max([highest, *marks]), binary=panel.unit in BINARY)
    )
    scale = _Scale(plot, axis[-1], max((len(line) for line in levels), default=1))
    shapes = _grid(plot, axis, panel.unit, scale) + _clock(plot, start, step, scale)
    ground: list[float | None] = []
    for place, line in enumerate(levels):
        color = COLORS[place % len(COLORS)]
        shapes += _line(line, ground if panel.stacked else [], color, scale)
        ground = line
    for value, color in _marks(panel.limits):
        if value <= axis[-1]:
            shapes.append(_horizontal(plot, scale.y(value), color, dashed=True))
    if not any(value is not None for line in levels for value in line):
        middle = plot.left + plot.width / 2
        shapes.append(text("No data", middle, plot.top + plot.height / 2, 14, FAINT, 400, "middle"))
    return shapes + legend


def number(panel: Panel, box: Box, series: list[Series], start: int, step: int) -> list[str]:
    """The last value of each series, large, in the colour of its limits."""
    shapes = []
    for place, one in enumerate(series or [Series("", [])]):
        middle = box.left + box.width * (place + 0.5) / max(len(series), 1)
        said = "No data" if one.last is None else written(_rounded(panel, one.last), panel.unit)
        color = FAINT if one.last is None else _color(panel.limits, one.last)
        size = min(34.0, 1.7 * box.width / max(len(series), 1) / max(len(said), 3))
        bottom = box.top + box.height / 2 + 20
        shapes.append(text(said, middle, bottom, size, color, 600, "middle"))
        if one.name:
            shapes.append(text(one.name, middle, bottom + 22, 12, FAINT, 400, "middle"))
    return shapes


def bars(panel: Panel, box: Box, series: list[Series], start: int, step: int) -> list[str]:
    """A bar for the last value of each series."""
    values = [(one.name, one.last or 0.0) for one in series]
    highest = panel.maximum or max((value for _, value in values), default=0) or 1
    room = (box.height - 48) / max(len(values), 1)
    left, width = box.left + 190, box.width - 190 - 76
    shapes = []
    for place, (name, value) in enumerate(values):
        top = box.top + 38 + place * room
        color = _color(panel.limits, value)
        middle = top + room / 2 + 4
        shapes += [
            text(_cut(name, 174), left - 8, middle, 12, PLAIN, 400, "end"),
            _bar(left, top + 2, width, room - 5, GRID),
            _bar(left, top + 2, max(width * min(value / highest, 1), 1), room - 5, color),
            text(written(value, panel.unit), left + width + 8, middle, 12, color),
        ]
    return shapes


CHARTS: dict[Kind, Callable[[Panel, Box, list[Series], int, int], list[str]]] = {
    "graph": graph,
    "number": number,
    "bars": bars,
}


@dataclass(frozen=True)
class _Scale:
    """From values and steps to places."""

    plot: Box
    highest: float
    steps: int

    def x(self, step: int) -> float:
        return self.plot.left + self.plot.width * step / max(self.steps - 1, 1)

    def y(self, value: float) -> float:
        bottom = self.plot.top + self.plot.height
        return bottom - self.plot.height * max(0.0, min(value / self.highest, 1.02))


def _stacked(series: list[Series]) -> list[list[float | None]]:
    """Each line on top of those before it."""
    levels: list[list[float | None]] = []
    below: list[float] = [0.0] * max((len(one.values) for one in series), default=0)
    for one in series:
        below = [base + (value or 0.0) for base, value in zip(below, one.values, strict=True)]
        levels.append(list(below))
    return levels


def _grid(plot: Box, axis: list[float], unit: str, scale: _Scale) -> list[str]:
    return [
        shape
        for value in axis
        for shape in (
            _horizontal(plot, scale.y(value), GRID),
            text(written(value, unit), plot.left - 8, scale.y(value) + 4, 12, FAINT, 400, "end"),
        )
    ]


def _clock(plot: Box, start: int, step: int, scale: _Scale) -> list[str]:
    """Full minutes below the axis, not more than fit."""
    span = step * (scale.steps - 1)
    every = next((m for m in (60, 120, 300, 600, 1800, 3600) if span / m <= 6), 7200)
    moments = range(-(-start // every) * every, start + span + 1, every)
    bottom = plot.top + plot.height
    return [
        text(
            time.strftime("%H:%M", time.gmtime(moment)),
            scale.x(0) + plot.width * (moment - start) / max(span, 1),
            bottom + 18,
            *(12, FAINT, 400, "middle"),
        )
        for moment in moments
    ]


def _line(
    values: list[float | None], ground: list[float | None], color: str, scale: _Scale
) -> list[str]:
    """A line for each stretch without a gap, and the area down to what it stands on."""
    shapes = []
    for stretch in _stretches(values):
        points = [f"{scale.x(step):.1f},{scale.y(value):.1f}" for step, value in stretch]
        below = [(step, (ground[step] or 0.0) if ground else 0.0) for step, _ in reversed(stretch)]
        back = [f"{scale.x(step):.1f},{scale.y(value):.1f}" for step, value in below]
        shapes += [
            f'<path d="M{" L".join([*points, *back])} Z" fill="{color}" '
            f'fill-opacity="{0.4 if ground else 0.1}"/>',
            f'<polyline points="{" ".join(points)}" fill="none" stroke="{color}" '
            'stroke-width="2" stroke-linejoin="round"/>',
        ]
    return shapes


def _stretches(values: list[float | None]) -> list[list[tuple[int, float]]]:
    stretches: list[list[tuple[int, float]]] = [[]]
    for step, value in enumerate(values):
        if value is None:
            stretches.append([])
        else:
            stretches[-1].append((step, value))
    return [stretch for stretch in stretches if stretch]


def _legend(panel: Panel, box: Box, series: list[Series]) -> tuple[list[str], float]:
    """Colour, name and last value of each series, in lines, and the height of these."""
    shapes, lines, x = [], 1, box.left + 12
    entries = []
    for place, one in enumerate(series):
        last = "" if one.last is None else f"  {written(one.last, panel.unit)}"
        said = _cut(f"{one.name}{last}", box.width - 50)
        width = 20 + LETTER * len(said) + 14
        if x + width > box.left + box.width and x > box.left + 12:
            lines, x = lines + 1, box.left + 12
        entries.append((COLORS[place % len(COLORS)], said, x, lines))
        x += width
    height = 18.0 * lines
    for color, said, left, line in entries:
        y = box.top + box.height - height + 18 * line - 12
        shapes.append(_bar(left, y - 2, 14, 4, color))
        shapes.append(text(said, left + 20, y + 4, 12, PLAIN))
    return shapes, height


def _marks(limits: Limits) -> list[tuple[float, str]]:
    given = ((limits.warning, ORANGE), (limits.critical, RED))
    return [(value, color) for value, color in given if value is not None]


def _color(limits: Limits, value: float) -> str:
    """As Grafana colours: red past the critical limit, orange past the warning, else green."""
    for limit, color in reversed(_marks(limits)):
        if value < limit if limits.below else value >= limit:
            return color
    return GREEN


def _rounded(panel: Panel, value: float) -> float:
    shift = 2 if panel.unit == "percentunit" else 0
    return value if panel.decimals is None else round(value, panel.decimals + shift)


def _horizontal(plot: Box, y: float, color: str, dashed: bool = False) -> str:
    dashes = ' stroke-dasharray="6 5"' if dashed else ""
    right = plot.left + plot.width
    return (
        f'<line x1="{plot.left:.1f}" y1="{y:.1f}" x2="{right:.1f}" y2="{y:.1f}" '
        f'stroke="{color}"{dashes}/>'
    )


def _bar(x: float, y: float, width: float, height: float, color: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="2" '
        f'fill="{color}"/>'
    )


def _cut(words: str, width: float) -> str:
    """As much as fits."""
    letters = int(width / LETTER)
    return words if len(words) <= letters else f"{words[: letters - 1]}…"
