"""Checks of the budget: cards, memory and disk of each host hold what its roles take of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from budget import disk, gpu, host_memory
from budget.amounts import Resource, written
from budget.gpu import Card, Share, share_written
from deploys.topology import Machine, Topology
from preflight.problems import Problem


def without_hardware(topology: Topology) -> list[Problem]:
    """What is claimed of a host can be held against it only where it says what it has."""
    return [
        Problem(
            machine.name,
            f"{' and '.join(roles)} claim memory, cards or disk of it, but the inventory does not "
            "say what it has",
            "give it `hardware` there: Hardware(physical_cores=..., memory_gib=..., disk_gib=...)",
        )
        for machine in topology.machines
        if machine.hardware is None and (roles := _claiming(machine))
    ]


def _claiming(machine: Machine) -> list[str]:
    return [
        role
        for role, settings in machine.settings.items()
        if settings.memory(machine) or settings.gpu_memory(machine) or settings.disk(machine)
    ]


def on_missing_card(topology: Topology) -> list[Problem]:
    """A card that is not there would be found out by the container engine, after the download."""
    return [
        Problem(
            machine.name,
            f"{share.role} claims card {share.claim.card}, but `hardware` has {_cards(machine)}",
            f"set another card in group_data/{share.role}.py, or add that one in the inventory",
        )
        for machine in topology.machines
        if machine.hardware is not None
        for share in gpu.claimed(machine)
        if not 0 <= share.claim.card < len(machine.hardware.gpus)
    ]


def _cards(machine: Machine) -> str:
    names = [f"card {card.index} ({card.gpu.name})" for card in gpu.cards(machine)]
    return " and ".join(names) or "no card"


def without_room_for_a_sequence(topology: Topology) -> list[Problem]:
    """A server does not start whose share does not hold one sequence of the length it promises."""
    return [
        Problem(
            f"{machine.name} {card.title}",
            f"{share.role} needs {written(share.minimum_terms())} = {share.minimum_mib} MiB, "
            f"but its share is {share.claim.share_mib} MiB, {missing} MiB too little",
            "take a smaller model, a shorter context or a larger share "
            f"in group_data/{share.role}.py",
        )
        for machine, card in _all_cards(topology)
        for share in card.shares
        if (missing := share.minimum_mib - share.claim.share_mib) > 0
    ]


def overfull_cards(topology: Topology) -> list[Problem]:
    """All shares of a card, the contexts of all processes among them, are within its memory."""
    return [
        Problem(
            f"{machine.name} {card.title}",
            f"{' + '.join(map(share_written, card.shares))} = {card.taken_mib} MiB, "
            f"{card.taken_mib - card.gpu.usable_mib} MiB too much",
            f"lower a share in {_files(share.role for share in card.shares)}",
        )
        for machine, card in _all_cards(topology)
        if card.taken_mib > card.gpu.usable_mib
    ]


def not_free_at_start(topology: Topology) -> list[Problem]:
    """vLLM starts only where its share is free, after its own context and what others hold."""
    return [
        Problem(
            f"{machine.name} {card.title}",
            f"{share.role} starts only with its share of {share.claim.share_mib} MiB free, but of "
            f"{card.gpu.usable_mib} MiB {written(_before(card, share))} leave {free} MiB",
            f"lower a share in {_files(share.role for share in card.shares)}",
        )
        for machine, card in _all_cards(topology)
        if card.taken_mib <= card.gpu.usable_mib
        for share in card.shares
        if share.claim.free_at_start
        for free in [card.gpu.usable_mib - sum(taken for _, taken in _before(card, share))]
        if free < share.claim.share_mib
    ]


def _before(card: Card, starting: Share) -> list[tuple[str, int]]:
    others = [(share.role, share.claim.share_mib) for share in card.shares if share is not starting]
    return [("its own context", starting.claim.context_mib), *others]


def overfull_memory(topology: Topology) -> list[Problem]:
    """Every container may fill its limit without the host running out of memory."""
    return _overfull(topology, host_memory.resource, "lower a memory limit")


def overfull_disk(topology: Topology) -> list[Problem]:
    """The disk holds what is to be put on it, before the first byte comes."""
    return _overfull(topology, disk.resource, "ask for less")


def _overfull(
    topology: Topology, resource: Callable[[Machine], Resource | None], remedy: str
) -> list[Problem]:
    found = [(machine, resource(machine)) for machine in topology.machines]
    return [
        Problem(
            f"{machine.name} {held.name} ({held.capacity_mib} MiB)",
            f"{written((part.role or part.what, part.mib) for part in held.parts)} = "
            f"{held.taken_mib} MiB, {held.too_much_mib} MiB too much",
            f"{remedy} in {_files(held.roles)}, or correct its `hardware` in the inventory",
        )
        for machine, held in found
        if held is not None and held.too_much_mib and held.roles
    ]


def _all_cards(topology: Topology) -> list[tuple[Machine, Card]]:
    return [(machine, card) for machine in topology.machines for card in gpu.cards(machine)]


def _files(roles: Iterable[str]) -> str:
    return " or ".join(f"group_data/{role}.py" for role in dict.fromkeys(roles))
