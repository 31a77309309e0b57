"""Report: the budget of one host as a table, and as a bar for each card, memory and disk."""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from budget import bar, disk, gpu, host_memory
from budget.amounts import Resource
from budget.gpu import Share
from deploys.hardware import Hardware
from deploys.topology import Machine


def budget_of(machine: Machine) -> RenderableType | None:
    """The budget of `machine`; None where the inventory does not say what it has."""
    if machine.hardware is None:
        return None
    resources = tuple(_resources(machine))
    drawings = (_drawing(machine, resource) for resource in resources)
    return Group(_heading(machine, machine.hardware), _table(resources), *drawings)


def console() -> Console:
    """As wide as the terminal and 100 at most; plain text where there is none."""
    measured = Console()
    width = min(100, measured.width) if measured.is_terminal else 100
    return Console(width=width, highlight=False)


def _resources(machine: Machine) -> Iterator[Resource]:
    yield from (card.resource() for card in gpu.cards(machine))
    for found in (host_memory.resource(machine), disk.resource(machine)):
        if found is not None:
            yield found


def _heading(machine: Machine, hardware: Hardware) -> Text:
    cards = "".join(f", {card.name}" for card in hardware.gpus)
    built_in = f"{hardware.physical_cores} cores, {hardware.memory_gib} GiB memory"
    text = f"  {built_in}, {hardware.disk_gib} GiB disk{cards}"
    return Text.assemble((machine.name, "bold"), (text, "dim"))


def _table(resources: tuple[Resource, ...]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 2))
    for title in ("of", "who takes it", "for"):
        table.add_column(title)
    for title in ("MiB", "GiB", "share"):
        table.add_column(title, justify="right")
    for resource in resources:
        _add_rows(table, resource)
    return table


def _add_rows(table: Table, resource: Resource) -> None:
    for number, part in enumerate(resource.parts):
        name = resource.name if number == 0 else ""
        table.add_row(name, part.role, part.what, *_amounts(part.mib, resource))
    left = resource.capacity_mib - resource.taken_mib
    style, what = ("bold red", "TOO MUCH") if left < 0 else ("dim", "free")
    name = "" if resource.parts else resource.name
    table.add_row(name, "", what, *_amounts(abs(left), resource), style=style, end_section=True)


def _amounts(mib: int, resource: Resource) -> tuple[str, str, str]:
    share = mib / resource.capacity_mib
    return f"{mib}", f"{mib / 1024:.1f}", "<1%" if 0 < share < 0.01 else f"{share:.0%}"


def _drawing(machine: Machine, resource: Resource) -> RenderableType:
    name = Text(f"{resource.name}: {resource.taken_mib} of {resource.capacity_mib} MiB")
    if resource.note:
        name.append(f" ({resource.note})", "dim")
    if resource.too_much_mib:
        name.append(f", {resource.too_much_mib} MiB too much", "bold red")
    lines = [name, bar.bar(resource), bar.legend(resource), *_fits(machine, resource)]
    return Padding(Group(*lines), (0, 0, 1, 2), expand=False)


def _fits(machine: Machine, resource: Resource) -> list[Text]:
    return [
        _fit(share)
        for card in gpu.cards(machine)
        if card.resource().name == resource.name
        for share in card.shares
        if share.claim.sequence_bytes or share.minimum_mib > share.claim.share_mib
    ]


def _fit(share: Share) -> Text:
    claim = share.claim
    if share.minimum_mib > claim.share_mib:
        missing = share.minimum_mib - claim.share_mib
        return Text(
            f"{share.role}: its share of {claim.share_mib} MiB is {missing} MiB too little",
            "bold red",
        )
    holds = f"{share.role}: its cache holds {share.cache_tokens} tokens, "
    fitting = f"{share.sequences:.1f} sequences of {claim.sequence_tokens} at once"
    if share.sequences >= claim.parallel_sequences:
        return Text(f"{holds}{fitting}; it takes {claim.parallel_sequences}")
    return Text(f"{holds}{fitting}; of {claim.parallel_sequences} the others wait")
