"""Amounts: one resource of a host, what there is of it, and who takes how much."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MIB = 1024**2


@dataclass(frozen=True)
class Part:
    """What `role` takes of a resource, and for what; the system's own has no role."""

    role: str
    what: str
    mib: int


@dataclass(frozen=True)
class Resource:
    """Memory, a disk or a card of one host; `note` says what its capacity leaves out."""

    name: str
    capacity_mib: int
    parts: tuple[Part, ...]
    note: str = ""

    @property
    def taken_mib(self) -> int:
        return sum(part.mib for part in self.parts)

    @property
    def too_much_mib(self) -> int:
        """By how much the parts go beyond the capacity; 0 where they do not."""
        return max(0, self.taken_mib - self.capacity_mib)

    @property
    def roles(self) -> tuple[str, ...]:
        """Those who take of it, each once."""
        return tuple(dict.fromkeys(part.role for part in self.parts if part.role))


def mib(size_bytes: int) -> int:
    """Whole MiB that hold as many bytes."""
    return -(-size_bytes // MIB)


def written(terms: Iterable[tuple[str, int]]) -> str:
    """A sum for a person: ``weights 8660 + context 400``."""
    return " + ".join(f"{name} {amount}" for name, amount in terms)
