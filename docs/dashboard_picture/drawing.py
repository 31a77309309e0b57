"""Drawing: the panels of a recorded dashboard as one SVG, where its grid has them."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

from dashboards import catalogue
from dashboards.panels import OF_LOGS, Panel
from docs.dashboard_picture import charts
from docs.dashboard_picture.charts import Box, Series

COLUMN, LINE, GAP = 50, 32, 8
HEAD, MARGIN = 74, 14
NOTE = "Drawn from the lab's query results by docs/dashboard_picture, not by Grafana."
STAND_INS = "vLLM and the graphics card are stand-ins there; all else of it is real."
FONT = "ui-sans-serif, system-ui, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"


def draw(recorded: dict[str, Any]) -> str:
    """An SVG picture of a recording; it needs nothing from elsewhere."""
    (dashboard,) = (one for one in catalogue.DASHBOARDS if one.uid == recorded["dashboard"])
    panels = {panel.title: panel for panel in dashboard.panels()}
    built = dashboard.build().panels or []
    places = [(str(one.title), one.grid_pos) for one in built]
    width = 24 * COLUMN + 2 * MARGIN
    height = HEAD + LINE * max(place.y + place.h for _, place in places if place) + MARGIN
    shapes = [_head(dashboard.title, dashboard.description, width)]
    for title, place in places:
        assert place is not None
        box = Box(
            MARGIN + COLUMN * place.x, HEAD + LINE * place.y, COLUMN * place.w, LINE * place.h
        )
        if title not in panels:
            shapes.append(_text(title, box.left + 4, box.top + 22, 15, "#d8d9da", weight=600))
        elif panels[title].kind not in OF_LOGS:
            shapes.append(_panel(panels[title], box, recorded))
    body = "\n".join(shapes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="{escape(FONT)}">\n'
        f'<rect width="{width}" height="{height}" rx="10" fill="#111217"/>\n{body}\n</svg>\n'
    )


def _head(title: str, description: str, width: int) -> str:
    return "\n".join(
        [
            _text(f"ai-idp: {title}", MARGIN + 4, 32, 22, "#ffffff", weight=600),
            _text(description, MARGIN + 4, 56, 14, "#9fa7b3"),
            _text(NOTE, width - MARGIN - 4, 32, 13, "#f2cc0c", anchor="end"),
            _text(STAND_INS, width - MARGIN - 4, 56, 13, "#9fa7b3", anchor="end"),
        ]
    )


def _panel(panel: Panel, box: Box, recorded: dict[str, Any]) -> str:
    inner = box.shrunk(GAP / 2)
    series = [Series(one["name"], one["values"]) for one in recorded["panels"][panel.title]]
    card = (
        f'<rect x="{inner.left:g}" y="{inner.top:g}" width="{inner.width:g}" '
        f'height="{inner.height:g}" rx="4" fill="#181b1f" stroke="#2b3038"/>'
    )
    title = _text(panel.title, inner.left + 12, inner.top + 23, 15, "#d8d9da", weight=600)
    chart = charts.CHARTS[panel.kind](panel, inner, series, recorded["start"], recorded["step"])
    hint = f"<title>{escape(panel.description)}</title>"
    return "\n".join(["<g>", hint, card, title, *chart, "</g>"])


_text = charts.text
