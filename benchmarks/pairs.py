"""Pairs: two commands timed in turn, so that whatever slows the machine down slows both."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

Run = Callable[[], None]


@dataclass(frozen=True)
class Comparison:
    """What was timed, beside what, and the seconds of each pair of runs."""

    what: str
    beside: str
    pairs: tuple[tuple[float, float], ...]

    @property
    def ratios(self) -> tuple[float, ...]:
        """How many times as long `what` took as `beside`, smallest first."""
        return tuple(sorted(first / second for first, second in self.pairs))

    @property
    def ratio(self) -> float:
        return median(self.ratios)


@dataclass(frozen=True)
class Contender:
    """A way to do something; `reset` undoes it, outside of the measured time."""

    name: str
    run: Run
    reset: Run = lambda: None

    def seconds(self) -> float:
        self.reset()
        begin = time.perf_counter()
        self.run()
        return time.perf_counter() - begin


def compare(what: Contender, beside: Contender, pairs: int) -> Comparison:
    """Time both in turn, `pairs` times, after one run of each that does not count."""
    what.seconds(), beside.seconds()
    timed = tuple((what.seconds(), beside.seconds()) for _ in range(pairs))
    return Comparison(what.name, beside.name, timed)
