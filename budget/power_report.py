"""Power report: what each host draws of its UPS, and how long the battery lasts, as rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from budget.power import Supply, total


@dataclass(frozen=True)
class Row:
    """One line of the table; `share` is the peak's share of what the UPS can deliver."""

    name: str
    idle_watts: int
    peak_watts: int
    share: str


def rows(supply: Supply) -> tuple[Row, ...]:
    """The hosts, what else hangs on the UPS, and their sum."""
    return tuple(_rows(supply))


def _rows(supply: Supply) -> Iterator[Row]:
    for (name, peak), (_, idle) in zip(supply.peak, supply.idle, strict=True):
        yield Row(name, idle, peak, _share(peak, supply))
    peak = total(supply.peak)
    yield Row("all", total(supply.idle), peak, _share(peak, supply))


def _share(watts: int, supply: Supply) -> str:
    return f"{watts / supply.settings.watts:.0%}"


def sentences(supply: Supply) -> tuple[str, ...]:
    """How long the battery lasts, and what has to fit into that."""
    idle, peak = total(supply.idle), total(supply.peak)
    settings = supply.settings
    terms = " + ".join(f"{what} {seconds}" for what, seconds in supply.shutdown if seconds)
    return (
        f"A full battery ({settings.battery_watt_hours} Wh, of which "
        f"{settings.usable_share:.0%} count) lasts {_minutes(supply, idle)} at idle and "
        f"{_minutes(supply, peak)} at peak.",
        f"The hosts go down when it would last less than {settings.low_runtime_seconds} s or has "
        f"less than {settings.low_charge_percent} %.",
        f"That takes {supply.shutdown_seconds} s at most: {terms}.",
        f"At peak that is {supply.charge_for_shutdown} % of a full battery: `low_charge_percent` "
        "of a UPS that estimates no runtime (`upsc ups battery.runtime` on the server shows none).",
    )


def _minutes(supply: Supply, watts: int) -> str:
    return f"{supply.runtime_seconds(watts) / 60:.0f} min"


def title(supply: Supply) -> str:
    settings = supply.settings
    return f"UPS of {supply.server.name}: {settings.watts} W, {settings.volt_amperes} VA"


def drawn(supply: Supply) -> RenderableType:
    """The budget of a UPS for a terminal."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 2))
    table.add_column("host")
    for name in ("idle W", "peak W", "share"):
        table.add_column(name, justify="right")
    for row in rows(supply):
        style = "bold red" if total(supply.peak) > supply.settings.watts else "bold"
        table.add_row(
            *(row.name, f"{row.idle_watts}", f"{row.peak_watts}", row.share),
            style=style if row.name == "all" else "",
        )
    lines = [Text(sentence) for sentence in sentences(supply)]
    return Group(Text(title(supply), "bold"), table, Padding(Group(*lines), (0, 0, 1, 2)))
