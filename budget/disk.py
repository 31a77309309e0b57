"""Disk: what roles put on the disk of a host, against its size."""

from __future__ import annotations

from budget.amounts import Part, Resource, mib
from deploys.declarations import DiskClaim
from deploys.topology import Machine


def resource(machine: Machine) -> Resource | None:
    """The disk of `machine` and who takes of it; None where it is not known.

    Space that is to stay free counts once: it is the same space for all who want it.
    """
    if machine.hardware is None:
        return None
    claims = claimed(machine)
    taken = tuple(Part(role, claim.path, mib(claim.bytes)) for role, claim in claims)
    reserve = max((mib(claim.reserve_bytes) for _, claim in claims), default=0)
    kept = (Part("", "to stay free", reserve),) if reserve else ()
    return Resource("disk", machine.hardware.disk_gib * 1024, (*taken, *kept))


def claimed(machine: Machine) -> tuple[tuple[str, DiskClaim], ...]:
    """What the roles of `machine` claim, each with its role."""
    return tuple(
        (role, claim)
        for role, settings in machine.settings.items()
        for claim in settings.disk(machine)
    )
