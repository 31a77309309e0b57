"""The result of a measurement of the link: all samples as CSV, what they depend on as JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, Self

from benchmarks.quantiles import Times
from benchmarks.result import DIRECTORY

KINDS = {
    "kept": "request on a kept-alive connection",
    "payload": "the same with the payload",
    "new": "request on a new connection",
    "connect": "its part until TCP is connected",
}
COLUMNS = ("path", "round", "kind", "microseconds", "error")


class Sample(NamedTuple):
    """One request of a round, or part of one. Warm-up has rounds below 0; a failure has no time."""

    path: str
    round: int
    kind: str
    microseconds: float | None
    error: str


@dataclass(frozen=True)
class Way:
    """A path between the two hosts, as the kernel of the measuring one describes it.

    USB is not `there` where the way to its address leads through a gateway.
    """

    name: str
    address: str
    source: str
    interface: str
    gateway: str
    driver: str
    megabits: str
    mtu: str
    there: bool
    connections: int


@dataclass(frozen=True)
class LinkResult:
    """One measurement: `rounds` after `warm_up`, from one host to another's role `server`."""

    when: str
    is_lab: bool
    source: str
    target: str
    server: str
    rounds: int
    warm_up: int
    hidden_size: int
    payload_bytes: int
    token_ms: tuple[float, ...]
    versions: dict[str, str]
    ways: tuple[Way, ...]
    samples: tuple[Sample, ...]

    def times(self, path: str, kind: str) -> Times | None:
        """The quantiles of one kind on one path, warm-up left out; None without any answer."""
        asked = [x for x in self._of(path) if x.kind == kind and x.round >= 0]
        answered = self.milliseconds(path, kind)
        return Times.of(answered, len(asked) - len(answered))

    def milliseconds(self, path: str, kind: str) -> list[float]:
        """What each answered request of that kind took, in their order, warm-up left out."""
        return [
            x.microseconds / 1000
            for x in self._of(path)
            if x.kind == kind and x.round >= 0 and x.microseconds is not None
        ]

    def errors(self, path: str) -> dict[str, int]:
        """How often each failure came, warm-up included."""
        found: dict[str, int] = {}
        # A new connection that fails has failed as `new` and as `connect`.
        for sample in (x for x in self._of(path) if x.error and x.kind != "connect"):
            found[sample.error] = found.get(sample.error, 0) + 1
        return found

    @property
    def token(self) -> float | None:
        """Milliseconds that the measuring host's own chat model takes for a token."""
        return median(self.token_ms) if self.token_ms else None

    @property
    def name(self) -> str:
        """Of its files, without what comes after the dot."""
        return f"{self.when[:10]}-link"

    @property
    def machine(self) -> str:
        """What was measured, in the words of a run's parameters."""
        return f"{'LAB: ' if self.is_lab else ''}{self.source} to {self.target}"

    def figures(self) -> dict[str, float]:
        """P50, P95 and P99 in milliseconds, and the failures, by path and kind."""
        found = {}
        for way in self.ways:
            for kind in KINDS:
                if times := self.times(way.name, kind):
                    for name in ("p50", "p95", "p99", "errors"):
                        found[f"{way.name} {kind} {name}"] = float(getattr(times, name))
        return found

    def _of(self, path: str) -> Iterator[Sample]:
        return (sample for sample in self.samples if sample.path == path)

    def save(self, directory: Path = DIRECTORY) -> Path:
        """Write the JSON and the CSV beside it; returns the first one's path."""
        directory.mkdir(exist_ok=True)
        path = directory / f"{self.name}.json"
        record = {name: value for name, value in asdict(self).items() if name != "samples"}
        path.write_text(json.dumps(record, indent=1) + "\n")
        with path.with_suffix(".csv").open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(self.samples)
        return path

    @classmethod
    def load(cls, path: Path) -> Self:
        """The measurement whose JSON is `path`."""
        record = json.loads(path.read_text())
        with path.with_suffix(".csv").open(newline="") as file:
            samples = tuple(map(_sample, csv.DictReader(file)))
        ways = tuple(Way(**way) for way in record.pop("ways"))
        tokens = tuple(record.pop("token_ms"))
        return cls(**record, token_ms=tokens, ways=ways, samples=samples)

    @classmethod
    def newest(cls) -> Self:
        return cls.load(max(DIRECTORY.glob("*-link.json")))


def _sample(row: dict[str, str]) -> Sample:
    taken = float(row["microseconds"]) if row["microseconds"] else None
    return Sample(row["path"], int(row["round"]), row["kind"], taken, row["error"])


def samples(paths: Iterable[dict[str, Any]]) -> Iterator[Sample]:
    """The samples as benchmarks/roundtrips.py prints them, in the order of the requests' paths."""
    for path in paths:
        for number, kind, nanoseconds, error in path["samples"]:
            taken = None if nanoseconds is None else round(nanoseconds / 1000, 1)
            yield Sample(path["name"], number, kind, taken, error)
