"""New guests: made by their nodes and trusted through them, before the run that connects to them.

`python -m new_guests INVENTORY [--limit NAME]`: the first half of `make apply`. Where no node of
guests is among the selected hosts it does nothing.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

import inventory_json
from deploys.topology import Machine, Topology
from inventory_json import ROOT, InventoryError
from preflight import access, selection
from preflight.guests import ROLE
from preflight.invocation import Invocation


@click.command()
@click.argument("inventory", type=Path)
@click.option("--limit", multiple=True, help="Only these hosts or groups (repeatable).")
def main(inventory: Path, limit: tuple[str, ...]) -> None:
    """Have every guest of the selected nodes exist, and its host key pinned."""
    try:
        topology = inventory_json.topology(inventory_json.read(inventory))
    except InventoryError as error:
        raise click.ClickException(str(error)) from error
    chosen = selection.selected(topology, Invocation(limit=limit))
    nodes = [machine for machine in chosen if ROLE in machine.groups]
    sys.exit(_made(inventory, topology, nodes) if nodes else 0)


def _made(inventory: Path, topology: Topology, nodes: list[Machine]) -> int:
    python = [sys.executable, "-m"]
    limits = [word for node in nodes for word in ("--limit", node.name)]
    deploy = [f"deploys.{ROLE}.install", *limits]
    made = subprocess.run([*python, "pyinfra", "-y", str(inventory), *deploy], cwd=ROOT).returncode
    guests = [guest.name for node in nodes for guest in _unpinned(topology, node)]
    if made != 0 or not guests:
        return made
    trust = [*python, "trust", *guests, "--inventory", str(inventory)]
    return subprocess.run(trust, cwd=ROOT).returncode


def _unpinned(topology: Topology, node: Machine) -> list[Machine]:
    return [guest for guest, _ in topology.guests_of(node.name) if not access.is_pinned(guest)]


if __name__ == "__main__":
    main()
