"""Services: files that belong together, and the units that serve them, landed as one change."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from pyinfra import host
from pyinfra.api.command import PyinfraCommand, StringCommand
from pyinfra.api.operation import operation

import changes
import secret_store
from changes import Change
from facts.service import FileContents, Found, ServiceState, State, UnitState, state_request
from operations.entries import Directory, Entry, File, Link
from operations.transaction import Steps, Transaction

UNREADABLE = "echo 'its state could not be read; nothing was planned or changed' >&2; exit 1"


@operation()
def deployed(
    service: str,
    entries: Sequence[Entry],
    units: Sequence[str] = (),
    on_change: str = "restart",
    steps: Steps | None = None,
    boot_units: Sequence[str] = (),
) -> Generator[PyinfraCommand]:
    """
    Have exactly these files, in force, and these units enabled and running.

    + service: name of the set on the host, unique there; files that an earlier set of this name
      declared and this one does not are removed
    + entries: the whole set
    + units: systemd units that serve it
    + on_change: `restart` or `reload`, for units that run already
    + steps: checks and actions around the swap; `activate` and `deactivate` follow from the units
      where they are empty
    + boot_units: systemd units that are enabled and do their work at boot, not now

    **Example:**

        service.deployed(
            name="Deploy the configuration", service="nginx", entries=[...], units=["nginx"],
            on_change="reload", steps=Steps(validate="nginx -t -c $STAGE/etc/nginx/nginx.conf"),
        )
    """
    steps = steps_with_units(steps or Steps(), entries, units, on_change)
    found = read_state(service, entries, [*units, *boot_units], steps.live)
    if found is None:
        yield StringCommand(UNREADABLE)
        return
    others = [*enablements(found, boot_units), *unit_changes(found, units)]
    yield from land(service, entries, units, steps, found, others)


def read_state(
    service: str, entries: Sequence[Entry], units: Sequence[str], live: str
) -> State | None:
    """The state of a service on the current host; None where it could not be read."""
    paths = [*way_to(entries), *(entry.path for entry in entries)]
    request = state_request(paths, [unit_name(unit) for unit in units])
    if not any(isinstance(entry, File) and entry.secret for entry in entries):
        return host.get_fact(ServiceState, service=service, live=live, _stdin=request)
    # A role deployed alone joins no roll-out, and a new store would bring it new secrets silently.
    mark = secret_store.for_data(host.data).rollout_id
    return host.get_fact(ServiceState, service=service, live=live, rollout_id=mark, _stdin=request)


def land(
    service: str,
    entries: Sequence[Entry],
    units: Sequence[str],
    steps: Steps,
    found: State,
    others: Sequence[Change] = (),
) -> Generator[PyinfraCommand]:
    """Announce and yield what turns `found` into the declared set; nothing where it is that."""
    put = [entry for entry in entries if differs(entry, found.found.get(entry.path))]
    declared = {entry.path for entry in entries}
    # The deepest first: a directory can only go when it is empty.
    obsolete = sorted(set(found.manifest) - declared, reverse=True)
    drop = [path for path in obsolete if path in found.found]
    planned = [
        *(_made(path) for path in way_to(put) if path not in found.found),
        *entry_changes(put, drop, found, _contents(put, found) if changes.shown() else {}),
        *others,
        *setting_changes(service, steps, found),
    ]
    if not planned and not obsolete and declared == set(found.manifest):
        return
    changes.announce(host, planned or [Change("setting", "record", f"{service} (its file list)")])
    transaction = Transaction(
        service, entries, [entry.path for entry in put], drop, units=units, steps=steps
    )
    yield from transaction.commands()


def steps_with_units(
    steps: Steps, entries: Sequence[Entry], units: Sequence[str], on_change: str
) -> Steps:
    """`steps`, with activation and deactivation of the units where none is given."""
    if not units:
        return steps
    names = " ".join(units)
    reload_units = any(entry.path.startswith("/etc/systemd/") for entry in entries)
    verb = {"restart": "restart", "reload": "reload-or-restart"}[on_change]
    # A unit that was started often in a short time is refused another start; the set that is put
    # back after a failed one needs that start (systemd.unit(5), StartLimitBurst=).
    allow = f"systemctl reset-failed {names} 2>/dev/null || :\n"
    activate = f"systemctl enable --quiet {names}\n{allow}systemctl {verb} {names}\n"
    return replace(
        steps,
        activate=steps.activate or ("systemctl daemon-reload\n" if reload_units else "") + activate,
        deactivate=steps.deactivate or f"systemctl disable --quiet --now {names}\n",
    )


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
        *(Change(found.found[path].kind, "remove", path) for path in drop),
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
    if steps.live and found.manifest and found.live != found.live_recorded:
        planned.append(Change("setting", "restore", f"{service}: {steps.live}"))
    return planned


def unit_name(unit: str) -> str:
    return unit if "." in unit else f"{unit}.service"


def _contents(put: Sequence[Entry], found: State) -> dict[str, bytes]:
    readable = [entry.path for entry in put if isinstance(entry, File) and not entry.secret]
    paths = [path for path in readable if path in found.found and found.found[path].sha256]
    if not paths:
        return {}
    return host.get_fact(FileContents, _stdin="".join(f"{path}\n" for path in paths))


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


def _made(path: str) -> Change:
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
