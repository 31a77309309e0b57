"""The page of alerts: docs/alerts.md, what each one means and what to do, from the rules.

``python -m alerts_reference`` writes it; with ``--check`` it only says whether it is current.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from deploys.prometheus import RULES

DOCUMENT = Path(__file__).parent / "docs" / "alerts.md"

_HEAD = """\
# Alerts

What each alert says, and what to do about it. Made from `files/prometheus/rules/` by `make docs`;
changes here are lost. The rules of a role are in force while some host has it. `…` stands for what
the alert is about.
"""


def reference() -> str:
    """The whole page: the roles in alphabetical order, their alerts in the order of the rules."""
    sections = (_section(path) for path in sorted((RULES / "rules").glob("*.yaml")))
    return "\n".join([_HEAD, *sections])


def _section(path: Path) -> str:
    return "\n".join([f"## {path.stem}\n", *map(_alert, _alerts(path))])


def _alerts(path: Path) -> Iterator[dict[str, Any]]:
    for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
        yield from (rule for rule in group["rules"] if "alert" in rule)


def _alert(rule: dict[str, Any]) -> str:
    said = rule["annotations"]
    summary = re.sub(r"{{.*?}}", "…", said["summary"])
    when = f"after {rule['for']}" if "for" in rule else "at once"
    expression = " ".join(rule["expr"].split())
    return (
        f"### {rule['alert']}\n\n{summary} ({rule['labels']['severity']}, {when})\n\n"
        f"{said['runbook']}\n\n    {expression}\n"
    )


def main() -> None:
    if "--check" not in sys.argv:
        DOCUMENT.write_text(reference(), encoding="utf-8")
    elif not DOCUMENT.exists() or DOCUMENT.read_text(encoding="utf-8") != reference():
        sys.exit(f"{DOCUMENT} is not what the rules say; run `make docs`")


if __name__ == "__main__":
    main()
