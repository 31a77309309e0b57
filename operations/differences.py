"""Differences: how what was found of a service departs from what is declared, as changes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

import changes
from changes import Change
from facts.service import Found, State, UnitState
from operations.entries import Directory, Entry, File, Link
from operations.transaction import Steps


def way_to(entries: Sequence[Entry]) -> list[str]:
    """The directories above the entries that are none themselves; missing ones get made."""
    parents = {str(path) for entry in entries for path in PurePosixPath(entry.path).parents}
    return sorted(parents - {"/"} - {entry.path for entry in entries})


def differs(entry: Entry, found: Found | None) -> bool:
    """True where what lies at the entry's path is not what is declared."""
    if found is None:
        return True
    match entry:
        case File():
            wanted = ("file", entry.sha256, entry.mode)
            same = (found.kind, found.sha256, found.mode) == wanted
            return not (same and _owned(entry, found))
        case Directory():
            same = (found.kind, found.mode) == ("directory", entry.mode)
            return not (same and _owned(entry, found))
        case Link():
            return (found.kind, found.target) != ("link", entry.target)


def _owned(entry: File | Directory, found: Found) -> bool:
    owners, groups = (found.owner, found.uid), (found.group, found.gid)
    return entry.owner in owners and entry.group in groups


def entry_changes(
    put: Sequence[Entry], drop: Sequence[str], found: State, old: dict[str, bytes]
) -> list[Change]:
    """One change for each entry to write and each path to remove; `old` contents are for diffs."""
    return [
        *(_entry_change(entry, found.found.get(entry.path), old) for entry in put),
        *(Change(found.found[path].kind, "remove", path) for path in drop if path in found.found),
    ]


def unit_changes(found: State, units: Sequence[str]) -> list[Change]:
    """What has to happen to the units themselves, apart from following changed files."""
    planned = enablements(found, units)
    for unit in units:
        state = _unit_state(found, unit)
        if state.active not in ("active", "activating", "reloading"):
            planned.append(Change("unit", "start", unit_name(unit)))
        if state.needs_reload:
            planned.append(Change("unit", "reload definition of", unit_name(unit)))
    return planned


def enablements(found: State, units: Sequence[str]) -> list[Change]:
    """One change for each unit that would not start at boot."""
    starting = ("enabled", "enabled-runtime", "static", "alias", "indirect")
    return [
        Change("unit", "enable", unit_name(unit))
        for unit in units
        if _unit_state(found, unit).enablement not in starting
    ]


def _unit_state(found: State, unit: str) -> UnitState:
    return found.units.get(unit_name(unit), UnitState("not-found", "", "inactive", False))


def setting_changes(service: str, steps: Steps, found: State) -> list[Change]:
    planned = []
    if found.unfinished:
        planned.append(Change("setting", "undo the interrupted change of", service))
    if steps.live and found.manifest and (found.differing or found.live != found.live_recorded):
        restored = found.differing or (steps.live,)
        planned += [Change("setting", "restore", f"{service}: {what}") for what in restored]
    return planned


def unit_name(unit: str) -> str:
    return unit if "." in unit else f"{unit}.service"


def _entry_change(entry: Entry, found: Found | None, old: dict[str, bytes]) -> Change:
    action = "create" if found is None else "modify"
    match entry:
        case File():
            detail = {"sha256": entry.sha256, "mode": entry.mode, "owner": _owner(entry)}
            diff = _file_diff(entry, found, old) + _metadata_diff(entry, found)
            return Change("file", action, entry.path, detail, diff)
        case Directory():
            detail = {"mode": entry.mode, "owner": _owner(entry)}
            return Change("directory", action, entry.path, detail, _metadata_diff(entry, found))
        case Link():
            before = f"- {found.target or found.kind}\n" if found else ""
            diff = f"{before}+ {entry.target}\n"
            return Change("link", action, entry.path, {"target": entry.target}, diff)


def made(path: str) -> Change:
    """A directory that has to be made on the way to an entry."""
    return Change("directory", "create", path, {"mode": "0755", "owner": "root:root"})


def _file_diff(entry: File, found: Found | None, old: dict[str, bytes]) -> str:
    if found is not None and found.sha256 == entry.sha256:
        return ""
    if entry.secret:
        return "(secret content, not shown)\n"
    return changes.unified_diff(entry.path, old.get(entry.path), entry.content)


def _metadata_diff(entry: File | Directory, found: Found | None) -> str:
    if found is None:
        return ""
    if found.mode == entry.mode and _owned(entry, found):
        return ""
    return f"- {found.mode} {found.owner}:{found.group}\n+ {entry.mode} {_owner(entry)}\n"


def _owner(entry: File | Directory) -> str:
    return f"{entry.owner}:{entry.group}"
