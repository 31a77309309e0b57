"""Bar: one resource of a host as a line of cells, legible without colours too."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle

from rich.text import Text

from budget.amounts import Part, Resource

CELLS = 64
FREE, END, BEYOND = "·", "┃", "bold red"
PATTERNS = "█▓▒░▚▤▞▥"
COLOURS = ("cyan", "green", "magenta", "yellow", "blue")


@dataclass(frozen=True)
class Segment:
    """One part of the bar, and how it is drawn."""

    part: Part
    pattern: str
    colour: str
    cells: int


def segments(resource: Resource) -> tuple[Segment, ...]:
    """A segment for each part, of one cell at least: a pattern in turn, a colour for each role."""
    parts = [part for part in resource.parts if part.mib]
    colours = dict(zip(resource.roles, cycle(COLOURS), strict=False))
    return tuple(
        Segment(part, pattern, colours.get(part.role, "white"), width)
        for part, pattern, width in zip(
            parts, cycle(PATTERNS), _widths(resource, parts), strict=False
        )
    )


def bar(resource: Resource) -> Text:
    """The bar; a heavy line marks the capacity, and what lies beyond it is red."""
    cells = [(s.pattern, s.colour) for s in segments(resource) for _ in range(s.cells)]
    capacity = round(resource.capacity_mib * _scale(resource))
    if resource.too_much_mib:
        capacity = min(capacity, CELLS - 1)
    cells += [(FREE, "dim")] * (capacity - len(cells))
    beyond = [(pattern, BEYOND) for pattern, _ in cells[capacity:]]
    return Text.assemble(*cells[:capacity], (END, "bold"), *beyond)


def _scale(resource: Resource) -> float:
    """Cells for one MiB."""
    return CELLS / max(resource.capacity_mib, resource.taken_mib)


def _widths(resource: Resource, parts: list[Part]) -> list[int]:
    """The cells of each part; the widest makes up for what rounding adds to the whole."""
    widths = [max(1, round(part.mib * _scale(resource))) for part in parts]
    whole = max(round(resource.taken_mib * _scale(resource)), len(widths))
    if widths:
        widths[widths.index(max(widths))] += whole - sum(widths)
    return widths


def legend(resource: Resource) -> Text:
    """What each pattern of the bar stands for; a role that has one part is enough of a name."""
    roles = [part.role for part in resource.parts]
    pieces: list[str | tuple[str, str]] = []
    for segment in segments(resource):
        role, what = segment.part.role, segment.part.what
        name = role if roles.count(role) == 1 and role else f"{role} {what}".strip()
        pieces += [(segment.pattern, segment.colour), f" {name}   "]
    return Text.assemble(*pieces, (FREE, "dim"), " free")
