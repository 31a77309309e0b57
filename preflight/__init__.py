"""Preflight: what is refused, and what is made ready here, before any host is connected to.

The last line of every inventory file calls `check`. Each rule is a function of its own in the
module of its subject; all of them run, and all problems are shown at once.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path

from pyinfra import logger
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.state import State
from pyinfra.context import ctx_state, state

import absence
from deploys.topology import Topology
from preflight import (
    access,
    addresses,
    backups,
    budget,
    guests,
    ports,
    power,
    preparation,
    roles,
    scrapes,
    secrets,
    selection,
)
from preflight.invocation import Invocation
from preflight.loading import load
from preflight.problems import Problem, Refused

RULES: tuple[Callable[[Topology], list[Problem]], ...] = (
    roles.without_module,
    roles.without_host,
    roles.without_settings,
    roles.without_companion,
    roles.conflicting,
    backups.without_backup,
    addresses.missing,
    addresses.malformed,
    addresses.shared,
    addresses.domain_of_multicast_dns,
    ports.clashing,
    ports.open_to_unknown_group,
    scrapes.counted_twice,
    scrapes.out_of_reach,
    guests.without_node,
    guests.sharing_a_number,
    guests.with_docker_but_not_its_features,
    budget.without_hardware,
    budget.on_missing_card,
    budget.without_room_for_a_sequence,
    budget.overfull_cards,
    budget.not_free_at_start,
    budget.overfull_memory,
    budget.overfull_disk,
    power.unknown,
    power.overloaded,
    power.too_short,
    power.too_late,
)

_checking = ContextVar("_checking", default=False)


def check(inventory_file: str) -> None:
    """Refuse the run if the inventory, its data or the command line has a problem.

    Does nothing for a file that pyinfra does not execute (another inventory imports it), and
    nothing while the inventory is being loaded for the check itself.
    """
    if _checking.get() or not _is_executed(inventory_file):
        return
    token = _checking.set(True)
    try:
        _check(inventory_file, Invocation.current())
    finally:
        _checking.reset(token)


def examined(inventory_file: str) -> tuple[Topology, list[Problem]]:
    """What an inventory says, and all that it would be refused for.

    For whoever shows both; a run is refused by `check`. Refused where a file cannot be read.
    """
    token = _checking.set(True)
    try:
        # pyinfra notes in its state which file it executes, and has one only while it runs itself.
        with ctx_state.use(State()):
            topology = load(inventory_file, Invocation(inventory=inventory_file))
    finally:
        _checking.reset(token)
    return topology, _problems(topology)


def _problems(topology: Topology) -> list[Problem]:
    return [problem for rule in RULES for problem in rule(topology)]


def _is_executed(file: str) -> bool:
    executed = getattr(state, "current_exec_filename", None)
    return executed is not None and Path(executed).resolve() == Path(file).resolve()


def _check(inventory_file: str, invocation: Invocation) -> None:
    topology = load(inventory_file, invocation)
    problems = _problems(topology)
    problems += selection.unmatched(topology, invocation)
    if invocation.connects:
        problems += _access_problems(topology, invocation)
        problems += secrets.not_given(selection.selected(topology, invocation))
    if problems:
        raise Refused(problems)
    try:
        _prepare(topology, invocation)
    except PyinfraError as error:
        raise Refused([error]) from error
    if invocation.connects:
        absence.tolerate(ctx_state.get())  # type: ignore[no-untyped-call]


def _prepare(topology: Topology, invocation: Invocation) -> None:
    if invocation.changes:
        preparation.take_run_lock(topology, invocation)
    if invocation.plans:
        preparation.make_missing_secrets(topology)


def _access_problems(topology: Topology, invocation: Invocation) -> list[Problem]:
    """An absent host can be neither asked for its key nor harmed: there a warning is enough.

    A guest may not exist yet. One that does is not connected to without its key.
    """
    machines = selection.selected(topology, invocation)
    absent = tuple(machine for machine in machines if machine.may_be_absent)
    guests = tuple(machine for machine in machines if machine.guest and machine not in absent)
    warnings = access.unpinned(absent, invocation.inventory)
    warnings += access.unpinned_guests(guests, invocation.inventory)
    for problem in warnings:
        logger.warning(str(problem))
    present = tuple(machine for machine in machines if machine not in (*absent, *guests))
    return access.unpinned(present, invocation.inventory) + access.without_key(machines)
