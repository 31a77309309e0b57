"""Provisioning: data sources and dashboards from files into the database, plugins from folders."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from .configuration import Configuration, RefusedError
from .database import Database

BUILT_IN = ("prometheus", "loki", "alertmanager", "grafana")


@dataclass
class State:
    """What of the files is not in the database: plugins, and the providers to look at again."""

    plugins: set[str] = field(default_factory=set)
    providers: list[dict[str, Any]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def log(level: str, logger: str, message: str, **more: object) -> None:
    words = "".join(f" {key}={json.dumps(value, default=str)}" for key, value in more.items())
    print(f"logger={logger} level={level} msg={json.dumps(message)}{words}", flush=True)


def provision(settings: Configuration, database: Database) -> State:
    """RefusedError for what ends the real one's start; a bad dashboard only leaves a log line."""
    state = State(plugins={*BUILT_IN, *_plugins(settings.path("plugins"))})
    folder = settings.path("provisioning")
    files = _documents(folder / "datasources", "Datasource provisioning error")
    _data_sources(files, database)
    for path, document in _documents(folder / "dashboards", "Dashboard provisioning error"):
        for provider in document.get("providers") or []:
            if not provider.get("options", {}).get("path"):
                raise RefusedError(f"{path}: dashboards provider: `options.path` is missing")
            state.providers.append(provider)
    read_dashboards(state, database)
    return state


def read_dashboards(state: State, database: Database) -> None:
    with state.lock:
        for provider in state.providers:
            _dashboards(Path(provider["options"]["path"]), database)


def _plugins(folder: Path) -> set[str]:
    found = set()
    for file in folder.glob("*/plugin.json"):
        name = json.loads(file.read_text())["id"]
        if (file.parent / "MANIFEST.txt").exists():
            found.add(name)
            log("info", "plugins.registration", "Plugin registered", pluginId=name)
        else:
            log("error", "plugins.signature.validator", "Plugin is unsigned", id=name)
    return found


def _documents(folder: Path, what: str) -> list[tuple[Path, dict[str, Any]]]:
    if not folder.is_dir():
        log("error", "provisioning", f"can't read files from directory {folder}")
        return []
    found = []
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        try:
            document = yaml.safe_load(path.read_text()) or {}
        except yaml.YAMLError as error:
            raise RefusedError(f"{what}: failed to parse {path}: {error}") from error
        if not isinstance(document, dict):
            raise RefusedError(f"{what}: {path}: cannot unmarshal into a configuration")
        found.append((path, document))
    return found


def _data_sources(files: list[tuple[Path, dict[str, Any]]], database: Database) -> None:
    wanted = [source for _, document in files for source in document.get("datasources") or []]
    if sum(bool(source.get("isDefault")) for source in wanted) > 1:
        raise RefusedError(
            "Datasource provisioning error: datasource.yaml config is invalid. Only one datasource "
            "per organization can be marked as default"
        )
    if any(document.get("prune") for _, document in files):
        keep = {source["name"] for source in wanted}
        for (name,) in database.run("SELECT name FROM data_source WHERE read_only = 1"):
            if name not in keep:
                database.run("DELETE FROM data_source WHERE name = ?", name)
    for source in wanted:
        if source.get("access", "proxy") not in ("proxy", "direct"):
            raise RefusedError(f"Datasource provisioning error: access {source['access']!r}")
        database.run(
            "INSERT OR REPLACE INTO data_source VALUES (?, ?, ?, ?, ?, ?)",
            *(source["uid"], source["name"], source["type"], source["url"]),
            *(bool(source.get("isDefault")), not source.get("editable", False)),
        )
        log("info", "provisioning.datasources", "provisioned", uid=source["uid"])


def _dashboards(folder: Path, database: Database) -> None:
    boards, found = defaultdict[str, list[tuple[Path, dict[str, Any]]]](list), set()
    for path in sorted(folder.rglob("*.json")):
        found.add(str(path))
        try:
            board = _board(path)
        except (OSError, ValueError) as error:
            message = "failed to load dashboard"
            log("error", "provisioning.dashboard", message, file=path, error=error)
            continue
        boards[board.get("uid") or path.stem].append((path, board))
    for (file,) in database.run("SELECT external_id FROM dashboard"):
        if file not in found:
            database.run("DELETE FROM dashboard WHERE external_id = ?", file)
    for uid, files in boards.items():
        if len(files) > 1:
            message = "the same UID is used more than once"
            log("warn", "provisioning.dashboard", message, uid=uid, times=len(files))
            continue
        _keep(uid, *files[0], database)


def _board(path: Path) -> dict[str, Any]:
    board: dict[str, Any] = json.loads(path.read_text())
    if not board.get("title"):
        raise ValueError("Dashboard title cannot be empty")
    return board


def _keep(uid: str, path: Path, board: dict[str, Any], database: Database) -> None:
    text = json.dumps(board)
    rows = database.run("SELECT data, version FROM dashboard WHERE uid = ?", uid)
    if not rows or rows[0][0] != text:
        version = rows[0][1] + 1 if rows else 1
        sql = "INSERT OR REPLACE INTO dashboard VALUES (?, ?, ?, ?, ?)"
        database.run(sql, uid, board["title"], text, version, str(path))
