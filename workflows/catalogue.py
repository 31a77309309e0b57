"""Catalogue: every workflow, and the file that it is written to."""

from __future__ import annotations

import json
from pathlib import Path

from workflows import commits, daily, experiments, incidents
from workflows.nodes import Workflow

FOLDER = Path(__file__).parents[1] / "files" / "n8n" / "workflows"
WORKFLOWS: dict[str, Workflow] = {
    "commits": commits.WORKFLOW,
    "daily": daily.WORKFLOW,
    "incidents": incidents.WORKFLOW,
    "experiments": experiments.WORKFLOW,
}


def text(workflow: Workflow) -> str:
    return json.dumps(workflow.build(), indent=2, ensure_ascii=False) + "\n"


def outdated() -> list[str]:
    """The files that are not what the code says, those without code among them."""
    wanted = {FOLDER / f"{name}.json": text(workflow) for name, workflow in WORKFLOWS.items()}
    there = {path: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    paths = {path for path in [*wanted, *there] if wanted.get(path) != there.get(path)}
    return sorted(path.name for path in paths)


def write() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in FOLDER.glob("*.json"):
        path.unlink()
    for name, workflow in WORKFLOWS.items():
        (FOLDER / f"{name}.json").write_text(text(workflow), encoding="utf-8")
