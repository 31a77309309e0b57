"""What now runs and where: the table with which the lab's roll-out ends."""

from __future__ import annotations

from pathlib import Path

import inventory_json
from deploys.declarations import EVERYONE
from deploys.topology import Exposure, Machine


def table(inventory: str) -> str:
    """Host, address, role, port and who may reach it, a line for each port."""
    topology = inventory_json.topology(inventory_json.read(Path(inventory)))
    rows = [row for machine in topology.machines for row in _rows(machine)]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        for row in rows
    ]
    return "\n".join(["", *lines])


def _rows(machine: Machine) -> list[tuple[str, ...]]:
    rows = [_row(exposure) for exposure in machine.exposures()]
    blank = ("", "")
    first = (machine.name, machine.address)
    return [(*(first if index == 0 else blank), *row) for index, row in enumerate(rows)]


def _row(exposure: Exposure) -> tuple[str, ...]:
    port = exposure.port
    reach = ["everyone"] if EVERYONE in port.reachable_from else list(port.reachable_from)
    reach += [f"everyone on {port.interface}"] if port.interface else []
    whom = ", ".join(reach) or "the networks that may log in"
    return exposure.role, f"{port.number}/{port.protocol}", f"{port.purpose}, for {whom}"
