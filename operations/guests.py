"""Guests: containers of a Proxmox VE node, created, kept as declared, and running."""

from __future__ import annotations

import shlex
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyinfra import host, logger
from pyinfra.api.command import FunctionCommand, PyinfraCommand, StringCommand
from pyinfra.api.host import Host
from pyinfra.api.operation import operation
from pyinfra.api.state import State
from pyinfra.context import state as running_state

import changes
from changes import Change
from facts.guests import Container, Guests, GuestsState
from operations import guest_options as options
from operations.guest_options import Place, Wanted
from operations.guest_refusals import refusals
from operations.reboot import disconnect
from operations.service import UNREADABLE

SCRIPT = Path(__file__).with_name("guests.sh")
LOG = "/var/log/ai-idp-guests.log"


@dataclass(frozen=True)
class Step:
    """What has to be done with one guest: how the plan names it, and the commands."""

    rows: list[Change]
    commands: list[str]
    restarts: bool = False
    creates: bool = False


@operation()
def present(guests: Sequence[Wanted], place: Place) -> Generator[PyinfraCommand]:
    """
    Have these containers on the node, as declared and running; no other one is touched.

    + guests: the containers
    + place: what all of them share: network, storages, template

    A change that a running container gets at its next start only restarts it. What would lose data,
    belongs to somebody else, or differs while it is locked is refused before anything changes.
    """
    found = read(guests, place)
    if found is None:
        yield StringCommand(UNREADABLE)
        return
    reasons = refusals(guests, place, found)
    if reasons:
        yield StringCommand(f"echo {shlex.quote('; '.join(reasons))} >&2; exit 1")
        return
    steps = [(guest, _step(guest, place, found)) for guest in guests]
    rows = [*_downloads(steps, place, found), *(row for _, step in steps for row in step.rows)]
    if rows:
        changes.announce(host, rows)
    new = [guest.name for guest, step in steps if step.creates]
    if new and place.volume not in found.templates:
        yield _detached(f"pveam download {place.template_storage} {place.template}\n")
    for guest, step in steps:
        if step.restarts:
            yield FunctionCommand(_restart, [guest.name, "\n".join(step.commands)], {})
        elif step.commands:
            yield _detached("\n".join(step.commands))
    if new and running_state.is_executing:
        changes.notice(host, _welcome(new))


def read(guests: Sequence[Wanted], place: Place) -> Guests | None:
    """The state of the current host as a node; None where it could not be read."""
    found: Guests | None = host.get_fact(
        GuestsState,
        vmids=[guest.vmid for guest in guests],
        template_storage=place.template_storage,
        bridge=place.bridge,
        devices=sorted({path for guest in guests for path in guest.devices}),
    )
    return found


def _step(guest: Wanted, place: Place, found: Guests) -> Step:
    container = found.containers.get(guest.vmid)
    if container is None:
        return _creation(guest, place)
    return _update(guest, place, container)


def _creation(guest: Wanted, place: Place) -> Step:
    told = {
        "hostname": guest.name,
        "rootfs": f"{place.rootfs_storage}:{guest.disk_gib}",
        **options.declared(guest, place, {}),
        "unprivileged": "1",
    }
    create = [f"create {guest.vmid}", shlex.quote(place.public_key), place.volume]
    diff = "".join(f"+ {option}: {value}\n" for option, value in told.items())
    row = Change("guest", "create", guest.name, {"vmid": str(guest.vmid), **told}, diff)
    return Step(
        rows=[row, Change("guest", "start", guest.name)],
        commands=[" ".join([*create, options.arguments(told)]), *_start(guest, place)],
        creates=True,
    )


def _update(guest: Wanted, place: Place, container: Container) -> Step:
    coming = options.coming(container)
    changed = options.differing(options.declared(guest, place, coming), coming)
    gone = options.surplus(guest, coming)
    growth = options.growth(guest, container)
    waiting = [*changed, *gone, *options.waiting(container)]
    restarts = container.running and options.waits_for_start(waiting)
    commands = []
    if changed or gone:
        commands.append(f"pct set {guest.vmid} {options.arguments(changed, gone)}".rstrip())
    if growth:
        commands.append(f"pct resize {guest.vmid} rootfs {guest.disk_gib}G")
    rows = _modification(guest, coming, changed, gone, growth)
    if restarts:
        rows.append(Change("guest", "restart", guest.name))
        commands += [f"pct reboot {guest.vmid}", _started(guest, place)]
    elif not container.running:
        rows.append(Change("guest", "start", guest.name))
        commands += _start(guest, place)
    return Step(rows, commands, restarts)


def _modification(
    guest: Wanted,
    coming: Mapping[str, str],
    changed: Mapping[str, str],
    gone: Sequence[str],
    growth: str,
) -> list[Change]:
    if not changed and not gone and not growth:
        return []
    old = {option: coming[option] for option in (*changed, *gone) if option in coming}
    new = dict(changed)
    if growth:
        old, new = {**old, "size": growth}, {**new, "size": f"{guest.disk_gib}G"}
    lines = [f"- {option}: {value}\n" for option, value in old.items()]
    lines += [f"+ {option}: {value}\n" for option, value in new.items()]
    return [Change("guest", "modify", guest.name, new, "".join(lines))]


def _downloads(steps: Sequence[tuple[Wanted, Step]], place: Place, found: Guests) -> list[Change]:
    if place.volume in found.templates or not any(step.creates for _, step in steps):
        return []
    return [Change("template", "download", place.volume)]


def _start(guest: Wanted, place: Place) -> list[str]:
    return [f"pct start {guest.vmid}", _started(guest, place)]


def _started(guest: Wanted, place: Place) -> str:
    return f"started {guest.vmid} {place.start_seconds}"


def _detached(steps: str) -> StringCommand:
    """A creation that loses its terminal half-way would leave half a guest.

    `pct` gives what it makes the mask of its caller: with 077 root of a guest could not even enter
    its own file system (pve-container, `mount_all`), so that the log alone is kept from others.
    """
    script = SCRIPT.read_text() + steps
    return StringCommand(
        f"umask 022; (umask 077; : >{LOG}); setsid sh -c {shlex.quote(script)} "
        f"</dev/null >{LOG} 2>&1 & "
        f"wait $! || {{ tail -n 40 {LOG}; exit 1; }}"
    )


def _restart(state: State, host: Host, name: str, steps: str) -> bool:
    """Run steps that restart a guest; a run that is connected to it is so again afterwards.

    pyinfra runs one operation at a time on all its hosts, so nothing is under way in the guest.
    """
    guest = state.inventory.hosts.get(name)
    connected = guest is not None and guest.connected
    if guest is not None and connected:
        disconnect(guest)
    sudo = bool(host.data.get("_sudo", state.config.SUDO))
    succeeded, output = host.connector.run_shell_command(_detached(steps), False, False, _sudo=sudo)
    if guest is not None and connected:
        guest.connect(reason="restarted")
    if not succeeded:
        host.log_styled(output.output or "it gave no reason", fg="red", log_func=logger.error)
    return bool(succeeded)


def _welcome(names: Sequence[str]) -> str:
    listed = " ".join(names)
    return (
        f"new and without its roles: {', '.join(names)}; `make apply` goes on with them, by itself "
        f'`make trust HOST="{listed}"` and one more run'
    )
