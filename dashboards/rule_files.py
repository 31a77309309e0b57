"""Rules: what files/prometheus has for Prometheus to evaluate, alerts and recorded series."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

PROMETHEUS = Path(__file__).parents[1] / "files" / "prometheus"


@cache
def of_kind(kind: str) -> dict[str, list[dict[str, Any]]]:
    """The rules of files/prometheus/<kind>, `rules` or `recording`, by role; empty without any."""
    found = {}
    for file in sorted((PROMETHEUS / kind).glob("*.yaml")):
        groups = yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
        found[file.stem] = [rule for group in groups for rule in group["rules"]]
    return found


@cache
def recorded() -> dict[str, str]:
    """The expression of each recorded series."""
    return {
        rule["record"]: rule["expr"]
        for of_role in of_kind("recording").values()
        for rule in of_role
        if "record" in rule
    }
