"""Preparation: the secrets that planning needs, and the lock that keeps a second run away."""

from __future__ import annotations

from collections import defaultdict

import certificates
import run_lock
import secret_store
from deploys.topology import Topology
from preflight.invocation import Invocation
from secret_store import SecretStore


def make_missing_secrets(topology: Topology) -> None:
    """Make, here, the internal CA and every secret that a role names, where they do not exist."""
    for store, names in _needed(topology).items():
        store.ensure(sorted(names))
    for authority in {certificates.for_data(machine.data) for machine in topology.machines}:
        authority.certificate()


def take_run_lock(topology: Topology, invocation: Invocation) -> None:
    """Hold the lock beside the secrets: whoever shares those may change the same hosts."""
    for directory in sorted(store.directory for store in _needed(topology)):
        run_lock.acquire(directory, " ".join(invocation.operations))


def _needed(topology: Topology) -> dict[SecretStore, set[str]]:
    """The stores of all hosts (`--limit` or not), and what has to be in each."""
    needed: dict[SecretStore, set[str]] = defaultdict(set)
    for machine in topology.machines:
        names = (name for held in machine.settings.values() for name in held.secrets())
        needed[secret_store.for_data(machine.data)].update(names)
    return needed
