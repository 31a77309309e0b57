"""Claims: what the first plans said of the link's latency, and what a measurement says of each."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.quantiles import Times

FEWEST_ANSWERS = 1000
MOST_ERRORS = 0.01


@dataclass(frozen=True)
class Claim:
    """A time from `low_ms` to `high_ms`, said at `where`, that requests of `kind` are held to."""

    where: str
    says: str
    kind: str
    low_ms: float
    high_ms: float


CLAIMS = (
    Claim("Labs-003 (corrections:324)", "0.4 ms round trip", "kept", 0, 0.4),
    Claim("corrections:346", "2-5 ms, minimum", "kept", 2, 5),
    Claim("corrections:336", "2-5 ms for an HTTP request", "new", 2, 5),
    Claim("corrections:335", "1-2 ms to open a TCP connection", "connect", 1, 2),
)


def verdict(claim: Claim, times: Times | None) -> str:
    """What `times` say of the claim, which they are the kind for; None: nothing was measured."""
    if times is None:
        return "not measured"
    asked = times.answers + times.errors
    if times.answers < FEWEST_ANSWERS:
        return f"undecided: {times.answers} answers are less than {FEWEST_ANSWERS}"
    if times.errors > MOST_ERRORS * asked:
        return f"undecided: {times.errors} of {asked} requests failed"
    if times.high < claim.low_ms:
        return "refuted: it is faster"
    if times.low > claim.high_ms:
        return "refuted: it is slower"
    if times.low < claim.low_ms or times.high > claim.high_ms:
        return "undecided: the median is too near to a limit of the claim"
    if times.p95 > claim.high_ms:
        return "holds for the median, not for P95"
    return "holds"
