"""docs/link.svg: how many of the requests were answered within a time, and what was claimed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from benchmarks.link_result import KINDS, LinkResult

WIDTH, HEIGHT = 820, 420
LEFT, RIGHT, TOP, BOTTOM = 60, 40, 76, 92
FIRST_MS, LAST_MS = 0.01, 100.0
POINTS = 120
COLOURS = {"kept": "#1f6feb", "payload": "#8250df", "new": "#bf5700", "connect": "#57606a"}
DASHES = ("", "7 4")
CLAIMED = ((0.4, 0.4, "0.4 ms"), (2.0, 5.0, "2-5 ms"))
FONT = "ui-sans-serif, system-ui, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"


def draw(result: LinkResult) -> str:
    """An SVG picture; it needs nothing from elsewhere."""
    shapes = [*_frame(result), *_claims(), *_curves(result)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" font-family="{escape(FONT)}">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>\n'
        + "\n".join(shapes)
        + "\n</svg>\n"
    )


def _frame(result: LinkResult) -> Iterator[str]:
    what = f"Requests from {result.source} to {result.target}, answered within"
    yield _text(LEFT, 24, what, "#1f2328", 16, "600")
    if result.is_lab:
        note = "LAB: containers on one computer, no cable. It says nothing about hardware."
        yield _text(LEFT, 44, note, "#cf222e", 13)
    for exponent in range(round(math.log10(FIRST_MS)), round(math.log10(LAST_MS)) + 1):
        x = _x(10.0**exponent)
        yield _line(x, TOP, x, HEIGHT - BOTTOM, "#d0d7de")
        yield _text(x, HEIGHT - BOTTOM + 18, f"{10.0**exponent:g} ms", "#57606a", 12, middle=True)
    for percent in (0, 50, 95, 100):
        y = _y(percent / 100)
        yield _line(LEFT, y, WIDTH - RIGHT, y, "#d0d7de")
        yield _text(10, y + 4, f"{percent} %", "#57606a", 12)


def _claims() -> Iterator[str]:
    for low, high, name in CLAIMED:
        left, right = _x(low), _x(high)
        yield (
            f'<rect x="{left:.1f}" y="{TOP}" width="{max(right - left, 2):.1f}" '
            f'height="{HEIGHT - TOP - BOTTOM}" fill="#d4a72c" fill-opacity="0.35"/>'
        )
        yield _text((left + right) / 2, TOP - 6, name, "#7d4e00", 12, middle=True)


def _curves(result: LinkResult) -> Iterator[str]:
    shown = [(way.name, kind) for way in result.ways for kind in KINDS]
    drawn = 0
    for path, kind in shown:
        taken = sorted(result.milliseconds(path, kind))
        if not taken:
            continue
        dash = DASHES[[way.name for way in result.ways].index(path) % len(DASHES)]
        stroke = f'stroke="{COLOURS[kind]}" stroke-width="2"'
        stroke += f' stroke-dasharray="{dash}"' if dash else ""
        yield f'<polyline fill="none" {stroke} points="{_points(taken)}"/>'
        x, y = LEFT + 380 * (drawn % 2), HEIGHT - BOTTOM + 40 + 14 * (drawn // 2)
        yield f'<line x1="{x}" y1="{y - 4}" x2="{x + 26}" y2="{y - 4}" {stroke}/>'
        yield _text(x + 34, y, f"{path}, {KINDS[kind]}", "#1f2328", 12)
        drawn += 1


def _points(ordered: Sequence[float]) -> str:
    """The curve through evenly spaced shares of the sorted times."""
    last = len(ordered) - 1
    ranks = dict.fromkeys(round(step * last / POINTS) for step in range(POINTS + 1))
    return " ".join(
        f"{_x(ordered[rank]):.1f},{_y((rank + 1) / len(ordered)):.1f}" for rank in ranks
    )


def _x(milliseconds: float) -> float:
    within = min(max(milliseconds, FIRST_MS), LAST_MS)
    share = math.log10(within / FIRST_MS) / math.log10(LAST_MS / FIRST_MS)
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def _text(
    x: float, y: float, text: str, colour: str, size: int, weight: str = "", middle: bool = False
) -> str:
    bold = f' font-weight="{weight}"' if weight else ""
    anchor = ' text-anchor="middle"' if middle else ""
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}"'
    return f"<text {place}{bold}{anchor}>{escape(text)}</text>"
