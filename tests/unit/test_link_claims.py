"""A verdict follows from the samples by the rule that docs/link.md states."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.link_claims import CLAIMS, Claim, verdict
from benchmarks.quantiles import Times

FAST = next(claim for claim in CLAIMS if claim.says == "0.4 ms round trip")
RANGE = next(claim for claim in CLAIMS if claim.says == "2-5 ms, minimum")


def times(median: float, p95: float | None = None, spread: float = 0.01) -> Times:
    """A thousand answers with this median and P95, in milliseconds."""
    high = p95 or median * 1.2
    return Times(1000, 0, median, 0.1, median, high, high, 9, 9, median - spread, median + spread)


@pytest.mark.parametrize(
    ("claim", "found", "expected"),
    [
        (FAST, times(0.30, 0.39), "holds"),
        (FAST, times(0.30, 0.41), "holds for the median, not for P95"),
        (FAST, times(0.40), "undecided: the median is too near to a limit of the claim"),
        (FAST, times(0.42), "refuted: it is slower"),
        (RANGE, times(3.0, 4.9), "holds"),
        (RANGE, times(3.0, 6.0), "holds for the median, not for P95"),
        (RANGE, times(0.3), "refuted: it is faster"),
        (RANGE, times(1.995), "undecided: the median is too near to a limit of the claim"),
        (RANGE, times(5.2), "refuted: it is slower"),
        (RANGE, None, "not measured"),
        (
            FAST,
            replace(times(0.3), answers=999),
            "undecided: 999 answers are less than 1000",
        ),
        (FAST, replace(times(0.3, 0.39), errors=10), "holds"),
        (FAST, replace(times(0.3), errors=11), "undecided: 11 of 1011 requests failed"),
    ],
)
def test_the_rule(claim: Claim, found: Times | None, expected: str) -> None:
    assert verdict(claim, found) == expected


def test_the_claims_are_those_of_the_first_plans() -> None:
    assert [(claim.kind, claim.low_ms, claim.high_ms) for claim in CLAIMS] == [
        ("kept", 0, 0.4),
        ("kept", 2, 5),
        ("new", 2, 5),
        ("connect", 1, 2),
    ]
