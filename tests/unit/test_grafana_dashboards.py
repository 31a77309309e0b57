"""Grafana's dashboards: which files are brought, and which are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deploys.grafana_dashboards import DashboardError, dashboards
from deploys.topology import Machine, Topology

METRICS = Topology((Machine("metrics", "192.0.2.2", ("prometheus",), {}, {}),), ())
BOARD = {"uid": "one", "title": "One", "tags": ["role:prometheus"], "panels": []}


def folder(path: Path, **boards: Any) -> Path:
    for name, board in boards.items():
        text = board if isinstance(board, str) else json.dumps(board)
        (path / f"{name}.json").write_text(text)
    return path


@pytest.mark.parametrize(
    ("tags", "is_there"),
    [
        ([], True),
        (["gpu", "role:prometheus"], True),
        (["role:nvidia"], False),
        (["role:prometheus", "role:nvidia"], False),
    ],
)
def test_a_dashboard_is_there_where_its_roles_are(
    tmp_path: Path, tags: list[str], is_there: bool
) -> None:
    found = dashboards(folder(tmp_path, one={**BOARD, "tags": tags}), METRICS)
    assert [path.name for path in found] == ["one.json"] * is_there


@pytest.mark.parametrize(
    ("boards", "message"),
    [
        (
            {"one": "{"},
            r"files/grafana/dashboards/one.json is no JSON \(.*\); run `make docs`",
        ),
        (
            {"one": {"title": "One"}},
            "files/grafana/dashboards/one.json has no uid; run `make docs`",
        ),
        ({"one": "[]"}, "files/grafana/dashboards/one.json has no uid and no title"),
        (
            {"one": BOARD, "two": BOARD},
            "the dashboards one.json and two.json have the same uid `one`; give one of them",
        ),
    ],
)
def test_a_dashboard_that_grafana_would_not_take_is_refused(
    tmp_path: Path, boards: dict[str, Any], message: str
) -> None:
    with pytest.raises(DashboardError, match=message):
        dashboards(folder(tmp_path, **boards), METRICS)
