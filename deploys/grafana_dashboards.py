"""Grafana's dashboards: which of the project's files a roll-out brings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from deploys.topology import Topology

DASHBOARDS = Path(__file__).parent.parent / "files" / "grafana" / "dashboards"


class DashboardError(ValueError):
    """A file in `files/grafana/dashboards` that Grafana would not take."""


def dashboards(folder: Path, topology: Topology) -> list[Path]:
    """The files of dashboards about roles that some host has (`role:<name>` among their tags).

    DashboardError where one is none, or where two have the same uid.
    """
    found, seen = [], dict[str, str]()
    for path in sorted(folder.glob("*.json")):
        board = _board(path)
        about = [tag.removeprefix("role:") for tag in board["tags"] if tag.startswith("role:")]
        if not all(topology.having(role) for role in about):
            continue
        other = seen.setdefault(board["uid"], path.name)
        if other != path.name:
            raise DashboardError(
                f"the dashboards {other} and {path.name} have the same uid "
                f"`{board['uid']}`; give one of them another"
            )
        found.append(path)
    return found


def _board(path: Path) -> dict[str, Any]:
    where = f"files/grafana/dashboards/{path.name}"
    try:
        board = json.loads(path.read_bytes())
    except ValueError as error:
        raise DashboardError(f"{where} is no JSON ({error}); run `make docs`") from error
    lacking = [key for key in ("uid", "title") if not isinstance(board, dict) or not board.get(key)]
    if lacking:
        raise DashboardError(f"{where} has no {' and no '.join(lacking)}; run `make docs`")
    return {"tags": [], **board}
