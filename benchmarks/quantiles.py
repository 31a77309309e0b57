"""Quantiles of times as they were observed: no value is computed that no request took."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Self


@dataclass(frozen=True)
class Times:
    """What the requests of one kind took, in milliseconds, and how many of them failed.

    `low` and `high` bound the median with 95 % confidence, by order statistics.
    """

    answers: int
    errors: int
    mean: float
    min: float
    p50: float
    p90: float
    p95: float
    p99: float
    max: float
    low: float
    high: float

    @classmethod
    def of(cls, milliseconds: Sequence[float], errors: int) -> Self | None:
        """None where no request was answered."""
        if not milliseconds:
            return None
        ordered = sorted(milliseconds)
        low, high = median_interval(ordered)
        return cls(
            answers=len(ordered),
            errors=errors,
            mean=fmean(ordered),
            min=ordered[0],
            p50=quantile(ordered, 0.50),
            p90=quantile(ordered, 0.90),
            p95=quantile(ordered, 0.95),
            p99=quantile(ordered, 0.99),
            max=ordered[-1],
            low=low,
            high=high,
        )


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all do not exceed (nearest rank)."""
    # Rounded, since 0.95 * 100 is more than 95 in binary.
    return ordered[max(math.ceil(round(share * len(ordered), 9)), 1) - 1]


def median_interval(ordered: Sequence[float]) -> tuple[float, float]:
    """The two values between which the median lies with 95 %, by the normal approximation."""
    number = len(ordered)
    half = 1.96 * math.sqrt(number) / 2
    low = max(math.floor(number / 2 - half), 1)
    high = min(math.ceil(number / 2 + half) + 1, number)
    return ordered[low - 1], ordered[high - 1]
