"""Retirement: a service of a role that a host no longer has goes, and its data stay."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra import host
from pyinfra.api.command import PyinfraCommand, StringCommand
from pyinfra.api.operation import operation

import changes
from changes import Change
from facts.service import State, UnitState
from operations.differences import entry_changes, unit_name
from operations.service import UNREADABLE, read_state
from operations.transaction import STATE, Steps, Transaction


@operation()
def service_removed(service: str, units: Sequence[str] = ()) -> Generator[PyinfraCommand]:
    """
    Have these units off, and none of the files that this service was deployed with.

    + service: name that the set was deployed under
    + units: systemd units that served it

    **Example:**

        retirement.service_removed(
            name="Remove the configuration", service="nginx", units=["nginx"]
        )
    """
    found = read_state(service, (), units, "")
    if found is None:
        yield StringCommand(UNREADABLE)
        return
    if not found.manifest:
        return
    present = found.removable(found.manifest)
    served = _known(found, units)
    changes.announce(
        host,
        [
            *(change for unit in served for change in _endings(unit, found.units[unit])),
            *entry_changes((), present, found, {}),
        ],
    )
    steps = Steps(
        # Before the files go: systemd cannot disable a unit whose file it no longer finds.
        prepare=f"systemctl disable --quiet --now {' '.join(served)}\n" if served else "",
        activate="systemctl daemon-reload\n",
    )
    yield from Transaction(service, (), (), present, units=(), steps=steps).commands()
    yield StringCommand("rm", "-rf", f"{STATE}/{service}")


def _endings(unit: str, state: UnitState) -> list[Change]:
    return [
        *([Change("unit", "disable", unit)] if state.enablement == "enabled" else []),
        *([Change("unit", "stop", unit)] if state.active == "active" else []),
    ]


def _known(found: State, units: Sequence[str]) -> list[str]:
    names = [unit_name(unit) for unit in units]
    return [name for name in names if name in found.units and found.units[name].load == "loaded"]
