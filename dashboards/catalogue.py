"""Catalogue: every dashboard, and the file that it is written to."""

from __future__ import annotations

import json
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards import backups, gateway, gpu, hosts, inference, jetson, logs, overview, ups
from dashboards.panels import Dashboard

FOLDER = Path(__file__).parents[1] / "files" / "grafana" / "dashboards"
MODULES = (overview, gpu, inference, hosts, gateway, jetson, backups, ups, logs)
DASHBOARDS: tuple[Dashboard, ...] = tuple(module.DASHBOARD for module in MODULES)


def file(dashboard: Dashboard) -> Path:
    return FOLDER / f"{dashboard.uid}.json"


def text(dashboard: Dashboard) -> str:
    """What Grafana reads, with keys in a fixed order."""
    return json.dumps(dashboard.build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


def outdated() -> list[str]:
    """The files that are not what the code says, those without code among them."""
    wanted = {file(dashboard): text(dashboard) for dashboard in DASHBOARDS}
    there = {path: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    paths = {path for path in [*wanted, *there] if wanted.get(path) != there.get(path)}
    return sorted(path.name for path in paths)


def write() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in FOLDER.glob("*.json"):
        path.unlink()
    for dashboard in DASHBOARDS:
        file(dashboard).write_text(text(dashboard), encoding="utf-8")
