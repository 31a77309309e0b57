"""Units: what a number of Prometheus is measured in, and what Grafana's names for units mean.

A unit is a product of base units with a factor, so units multiply and divide as the numbers do:
a rate is a unit divided by seconds, and whoever multiplies a number by 1000 has thousandths.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Unit:
    """`factor` times the base units, each with its power: MiB is 2**20 times byte."""

    powers: tuple[tuple[str, int], ...] = ()
    factor: float = 1.0

    def __mul__(self, other: Unit) -> Unit:
        powers = Counter(dict(self.powers))
        for base, power in other.powers:
            powers[base] += power
        return Unit(_tidy(powers), self.factor * other.factor)

    def __truediv__(self, other: Unit) -> Unit:
        return self * other.inverse()

    def inverse(self) -> Unit:
        return Unit(tuple((base, -power) for base, power in self.powers), 1 / self.factor)

    def scaled(self, factor: float) -> Self:
        """`factor` of this unit are one of the new one."""
        return type(self)(self.powers, self.factor * factor)

    def each(self) -> Unit:
        """Without the things that it is counted for: seconds per request are seconds."""
        kept = {base: n for base, n in self.powers if n > 0 or base not in COUNTED}
        return Unit(_tidy(Counter(kept)), self.factor) if kept else self

    def is_same(self, other: Unit) -> bool:
        return self.powers == other.powers and math.isclose(self.factor, other.factor)

    def __str__(self) -> str:
        words = [base if power == 1 else f"{base}^{power}" for base, power in self.powers]
        factor = [] if math.isclose(self.factor, 1) else [f"{self.factor:g}"]
        return " ".join([*factor, *words]) or "ratio"


def _tidy(powers: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted((base, power) for base, power in powers.items() if power))


def _base(name: str) -> Unit:
    return Unit(((name, 1),))


RATIO = Unit()
PERCENT = RATIO.scaled(0.01)
ITEM, REQUEST, TOKEN = _base("item"), _base("request"), _base("token")
COUNTED = {"item", "request"}
"""Base units of things: a mean is divided by them and keeps the unit of what was added up."""
SECOND = _base("second")
MICROSECOND, HOUR, DAY = SECOND.scaled(1e-6), SECOND.scaled(3600), SECOND.scaled(86400)
BYTE = _base("byte")
MEBIBYTE = BYTE.scaled(2**20)
WATT, CELSIUS, HERTZ = _base("watt"), _base("celsius"), _base("hertz")
MILLIJOULE = (WATT * SECOND).scaled(0.001)
MEGAHERTZ = HERTZ.scaled(1e6)
CODE = _base("code")
"""A number that only names something, such as an XID."""

TOKENS_PER_SECOND = "suffix: tokens/s"
TOKENS = "suffix: tokens"
EVENTS_PER_SECOND = "suffix:/s"

GRAFANA: dict[str, tuple[Unit, ...]] = {
    "short": (ITEM, REQUEST),
    "none": (CODE,),
    "percentunit": (RATIO,),
    "percent": (PERCENT,),
    "s": (SECOND, SECOND / TOKEN),
    "d": (DAY,),
    "bytes": (BYTE,),
    "mbytes": (MEBIBYTE,),
    "binBps": (BYTE / SECOND,),
    "celsius": (CELSIUS,),
    "watt": (WATT,),
    "hertz": (HERTZ,),
    "reqps": (REQUEST / SECOND,),
    TOKENS: (TOKEN,),
    TOKENS_PER_SECOND: (TOKEN / SECOND,),
    EVENTS_PER_SECOND: (ITEM / SECOND,),
}
"""Grafana's names of units (packages/grafana-data/src/valueFormats/categories.ts), and what each
shows rightly. `mbytes` are MiB there, `bytes` powers of 1024, `s` and `d` durations."""
