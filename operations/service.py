"""Services: files that belong together, and the units that serve them, landed as one change."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace

from pyinfra import host
from pyinfra.api.command import PyinfraCommand, StringCommand
from pyinfra.api.operation import operation

import changes
import secret_store
from changes import Change
from facts.service import FileContents, ServiceState, State, state_request
from operations.differences import (
    differs,
    enablements,
    entry_changes,
    made,
    setting_changes,
    unit_changes,
    unit_name,
    way_to,
)
from operations.entries import Entry, File
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
    obsolete = set(found.manifest) - declared
    drop = found.removable(obsolete)
    planned = [
        *(made(path) for path in way_to(put) if path not in found.found),
        *entry_changes(put, drop, found, _contents(put, found) if changes.shown() else {}),
        *others,
        *setting_changes(service, steps, found),
    ]
    if not planned and not obsolete and declared == set(found.manifest):
        return
    changes.announce(host, planned or [Change("setting", "record", f"{service} (its file list)")])
    # An interrupted change is undone first, so that what it had put there has to come again.
    coming = [entry.path for entry in (entries if found.unfinished else put)]
    transaction = Transaction(service, entries, coming, drop, units=units, steps=steps)
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


def _contents(put: Sequence[Entry], found: State) -> dict[str, bytes]:
    readable = [entry.path for entry in put if isinstance(entry, File) and not entry.secret]
    paths = [path for path in readable if path in found.found and found.found[path].sha256]
    if not paths:
        return {}
    return host.get_fact(FileContents, _stdin="".join(f"{path}\n" for path in paths))
