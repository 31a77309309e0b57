"""The page docs/power.md: what the hosts of inventory.py draw of their UPS.

``python -m power_reference`` writes it; with ``--check`` it only says whether it is current.
"""

from __future__ import annotations

import sys
from pathlib import Path

import inventory_json
from budget.power import Supply, supplies
from budget.power_report import rows, sentences, title

ROOT = Path(__file__).parent
DOCUMENT = ROOT / "docs" / "power.md"

_HEAD = """\
# Power

What the hosts draw of their UPS, from `power` in `inventory.py` and from `group_data/ups.py`.
Made by `make docs`; changes here are lost. Hosts that the UPS does not carry, or not for long
enough, are refused before any connection.
[What to do](runbooks/power.md) with it is in the runbook.
"""


def reference() -> str:
    """The whole page, a section for each UPS."""
    topology = inventory_json.topology(inventory_json.read(ROOT / "inventory.py"))
    return "\n".join([_HEAD, *map(_section, supplies(topology))])


def _section(supply: Supply) -> str:
    table = [
        f"| {row.name} | {row.idle_watts} W | {row.peak_watts} W | {row.share} |"
        for row in rows(supply)
    ]
    head = ["| host | idle | peak | peak, of what the UPS can deliver |", "|---|---|---|---|"]
    said = [f"- {sentence}" for sentence in sentences(supply)]
    return "\n".join([f"## {title(supply)}", "", *head, *table, "", *said, ""])


def main() -> None:
    if "--check" not in sys.argv:
        DOCUMENT.write_text(reference(), encoding="utf-8")
    elif not DOCUMENT.exists() or DOCUMENT.read_text(encoding="utf-8") != reference():
        sys.exit(f"{DOCUMENT} is not what the inventory says; run `make docs`")


if __name__ == "__main__":
    main()
