"""Contract: where the stand-in answers otherwise than the real server, and where it may."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lab.real_vllm.questions import Answers

MISSING = "<nothing>"


@dataclass(frozen=True)
class Difference:
    """One place in the answers where two servers differ."""

    question: str
    place: str
    real: Any
    stand_in: Any

    def __str__(self) -> str:
        where = f"{self.question}: {self.place}" if self.place else self.question
        return f"{where}\n    real:     {self.real!r}\n    stand-in: {self.stand_in!r}"


DEVELOPERS_ONLY = (
    "vLLM 0.32 has it only with VLLM_SERVER_DEV_MODE, which the role refuses; 0.33's page on "
    "security counts it among the open paths, so the stand-in has it open, the worse case"
)
EXCEPTIONS: Mapping[tuple[str, str], str] = {
    ("POST /pause", ""): DEVELOPERS_ONLY,
    ("POST /resume", ""): DEVELOPERS_ONLY,
}
"""Why a difference is right, by question and the beginning of its place."""


def differences(real: Answers, stand_in: Answers) -> list[Difference]:
    """Every place where the two differ, the excepted ones included."""
    return [
        Difference(question, place, one, other)
        for question in sorted({*real, *stand_in})
        for place, one, other in _between(
            real.get(question, MISSING), stand_in.get(question, MISSING)
        )
    ]


def excepted(difference: Difference) -> str:
    """The reason for which this difference is right; empty if there is none."""
    return next((EXCEPTIONS[key] for key in EXCEPTIONS if _covers(key, difference)), "")


def verdict(real: Answers, stand_in: Answers) -> tuple[list[Difference], list[str]]:
    """Differences without a reason, and exceptions that no difference needs any more."""
    found = differences(real, stand_in)
    wrong = [difference for difference in found if not excepted(difference)]
    idle = [
        ": ".join(filter(None, key))
        for key in EXCEPTIONS
        if not any(_covers(key, difference) for difference in found)
    ]
    return wrong, idle


def _covers(key: tuple[str, str], difference: Difference) -> bool:
    question, place = key
    return difference.question == question and difference.place.startswith(place)


def _between(one: Any, other: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}):
            deeper = f"{place}/{key}" if place else key
            yield from _between(one.get(key, MISSING), other.get(key, MISSING), deeper)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from _between(left, right, f"{place}/{number}" if place else str(number))
    elif one != other or type(one) is not type(other):
        yield place, one, other
