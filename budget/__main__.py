"""The command `python -m budget`: what the roles take of each host, and whether it is there.

Exits with 1 where the inventory is refused, and still draws it: by how much is worth seeing.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

# First: it replaces the standard library's sockets, which others would have taken already.
import pyinfra_cli  # noqa: F401

import preflight
from budget import power, power_report
from budget.report import budget_of, console
from deploys.topology import Machine
from preflight import selection
from preflight.invocation import Invocation
from preflight.problems import Refused


def main() -> None:
    parser = argparse.ArgumentParser(prog="make budget", description=__doc__)
    parser.add_argument("--inventory", default="inventory.py", help="the hosts of this file")
    parser.add_argument("--limit", action="append", default=[], help="only this host or role")
    options = parser.parse_args()
    if not Path(options.inventory).is_file():
        # pyinfra would take the path for the name of a host.
        parser.error(f"there is no inventory {options.inventory}; name one with --inventory")
    topology, problems = preflight.examined(options.inventory)
    limited = Invocation(inventory=options.inventory, limit=tuple(options.limit))
    problems += selection.unmatched(topology, limited)
    _show(selection.selected(topology, limited))
    for supply in power.supplies(topology):
        console().print(power_report.drawn(supply))
    if problems:
        sys.stdout.flush()
        raise Refused(problems)


def _show(machines: tuple[Machine, ...]) -> None:
    page = console()
    for machine in machines:
        drawn = budget_of(machine)
        if drawn is not None:
            page.print(drawn)
    silent = [machine.name for machine in machines if machine.hardware is None]
    if silent:
        page.print(f"No hardware is declared for {', '.join(silent)}.")


if __name__ == "__main__":
    main()
