"""Metrics: names, types, labels and buckets on /metrics, and what moved between two looks."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

PREFIX = "vllm:"
LINE = re.compile(r"(?P<name>[\w:]+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
MEASURED = re.compile(r"_seconds_sum$|^vllm:estimated_|_perc$")
"""Samples whose size is a matter of time or of the machine: only whether they move is compared."""
WHOSE = frozenset({"engine", "model_name"})


@dataclass(frozen=True)
class Sample:
    name: str
    labels: tuple[tuple[str, str], ...]
    value: float


def samples(text: str) -> list[Sample]:
    """vLLM's own samples in the text of /metrics."""
    return [
        Sample(found["name"], tuple(sorted(LABEL.findall(found["labels"] or ""))), value)
        for line in text.splitlines()
        if line.startswith(PREFIX) and (found := LINE.match(line))
        for value in (float(found["value"]),)
    ]


def types(text: str) -> dict[str, str]:
    """The declared type of each of vLLM's own families."""
    lines = (line.split() for line in text.splitlines() if line.startswith(f"# TYPE {PREFIX}"))
    return {name: kind for _, _, name, kind in lines}


def labels(text: str) -> dict[str, Any]:
    """The labels of each sample name; values only where there are several, such as buckets."""
    seen: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for sample in samples(text):
        for label, value in sample.labels:
            if value not in seen[sample.name][label]:
                seen[sample.name][label].append(value)
    return {
        name: {
            label: values if label not in WHOSE and len(values) > 1 else "<text>"
            for label, values in sorted(found.items())
        }
        for name, found in sorted(seen.items())
    }


def moved(before: str, after: str) -> dict[str, float | str]:
    """By how much each sample grew that grew at all; `>0` where the size is a matter of time."""
    then = {(sample.name, sample.labels): sample.value for sample in samples(before)}
    grown: dict[str, float | str] = {}
    for sample in samples(after):
        growth = sample.value - then.get((sample.name, sample.labels), 0.0)
        if growth and not sample.name.endswith(("_bucket", "_created")):
            grown[_written(sample)] = ">0" if MEASURED.search(sample.name) else growth
    return grown


def total(text: str, name: str) -> float:
    """The sum of all samples of one name."""
    return sum(sample.value for sample in samples(text) if sample.name == name)


def _written(sample: Sample) -> str:
    further = [f"{label}={value}" for label, value in sample.labels if label not in WHOSE]
    return " ".join([sample.name, *further])
