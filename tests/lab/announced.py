"""Announced is executed: a plan held against what an observer saw before and after the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lab.observer import Observation

GENERATED: tuple[str, ...] = ()
"""Path prefixes below which packages write of their own accord, in no list of dpkg's."""


def differences(
    rows: Sequence[Mapping[str, Any]], before: Observation, after: Observation
) -> list[str]:
    """Every way in which the run was not what the plan of one host said; none is right."""
    by_kind: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        by_kind.setdefault(row["kind"], {})[row["what"]] = row
    entries = {
        **by_kind.get("file", {}),
        **by_kind.get("directory", {}),
        **by_kind.get("link", {}),
    }
    return [
        *_entries_as_announced(entries, after),
        *_silent_entries(entries, before, after),
        *_packages(by_kind.get("package", {}), before, after),
        *_units(by_kind.get("unit", {}), after),
        *_containers(by_kind.get("container", {}), before, after),
    ]


def _entries_as_announced(
    announced: Mapping[str, Mapping[str, Any]], after: Observation
) -> list[str]:
    wrong = []
    for path, row in announced.items():
        found = after.entries.get(path)
        if row["action"] == "remove":
            if found is not None:
                wrong.append(f"{path} was to be removed and is there")
        elif found is None:
            wrong.append(f"{path} was announced and is not there")
        elif (told := _told(row)) != (seen := _seen(row, found)):
            wrong.append(f"{path} was announced as {told} and is {seen}")
    return wrong


def _told(row: Mapping[str, Any]) -> tuple[str, ...]:
    detail = row["detail"]
    match row["kind"]:
        case "file":
            return ("file", detail["mode"].lstrip("0"), detail["owner"], detail["sha256"])
        case "directory":
            return ("directory", detail["mode"].lstrip("0"), detail["owner"])
        case _:
            return ("link", detail["target"])


def _seen(row: Mapping[str, Any], found: tuple[str, str, str, str]) -> tuple[str, ...]:
    kind, mode, owner, content = found
    return {"file": found, "directory": (kind, mode, owner)}.get(row["kind"], (kind, content))


def _silent_entries(
    announced: Mapping[str, Mapping[str, Any]], before: Observation, after: Observation
) -> list[str]:
    paths = set(before.entries) | set(after.entries)
    touched = {p for p in paths if before.entries.get(p) != after.entries.get(p)}
    packaged = before.owned | after.owned
    return [
        f"{path} changed and was not announced"
        for path in sorted(touched - set(announced) - packaged)
        if not path.startswith(GENERATED)
    ]


def _packages(
    announced: Mapping[str, Mapping[str, Any]], before: Observation, after: Observation
) -> list[str]:
    told = {
        name: row["detail"].get("version", "")
        for name, row in announced.items()
        if row["action"] != "remove"
    }
    seen = {
        name: version
        for name, version in after.packages.items()
        if before.packages.get(name) != version
    }
    gone = set(before.packages) - set(after.packages)
    told_gone = {name for name, row in announced.items() if row["action"] == "remove"}
    wrong = [f"package {n} {v} was announced, not seen" for n, v in told.items() - seen.items()]
    wrong += [f"package {n} {v} came unannounced" for n, v in seen.items() - told.items()]
    return wrong + [f"package {name} went or stayed against the plan" for name in gone ^ told_gone]


def _units(announced: Mapping[str, Mapping[str, Any]], after: Observation) -> list[str]:
    wrong = []
    for unit, row in announced.items():
        active, enablement = after.units.get(unit, ("", ""))
        if row["action"] == "start" and active != "active":
            wrong.append(f"{unit} was to be started and is {active}")
        if row["action"] == "enable" and enablement != "enabled":
            wrong.append(f"{unit} was to be enabled and is {enablement}")
    return wrong


def _containers(
    announced: Mapping[str, Mapping[str, Any]], before: Observation, after: Observation
) -> list[str]:
    told = {row["detail"]["image"] for row in announced.values() if "image" in row["detail"]}
    names = set(before.containers) | set(after.containers)
    touched = {n for n in names if before.containers.get(n) != after.containers.get(n)}
    seen = {after.containers[name][0] for name in touched if name in after.containers}
    return [f"image {image} runs or was announced, not both" for image in told ^ seen]
