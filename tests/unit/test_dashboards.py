"""Dashboards: the files are what the code says, and every panel can be read and believed."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards import catalogue, expressions, rule_files
from dashboards.panels import OF_LOGS, Panel
from dashboards.units import GRAFANA

ROOT = Path(__file__).parents[2]
BOARDS = {dashboard.uid: dashboard for dashboard in catalogue.DASHBOARDS}
WRITTEN = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in catalogue.FOLDER.glob("*.json")
}
PANELS = [(uid, panel) for uid, dashboard in BOARDS.items() for panel in dashboard.panels()]
QUERIES = [
    pytest.param(panel, query.expr, id=f"{uid}: {panel.title} {number}")
    for uid, panel in PANELS
    if panel.kind not in OF_LOGS
    for number, query in enumerate(panel.queries)
]
RECORDED = [
    pytest.param(role, rule, id=rule["record"])
    for role, rules in rule_files.of_kind("recording").items()
    for rule in rules
]

# dashboard, panel, role of the alerts, and the alerts whose numbers the panel shows
SHOWN_ALERTS = [
    ("gpu", "Temperature", "dcgm_exporter", {"GpuHot": 83, "GpuTooHot": 88}),
    ("overview", "GPU temperature", "dcgm_exporter", {"GpuHot": 83, "GpuTooHot": 88}),
    ("gpu", "Memory used", "dcgm_exporter", {"GpuMemoryFull": 0.97}),
    ("hosts", "File systems", "node_exporter", {"DiskAlmostFull": 0.9, "DiskFull": 0.95}),
    ("hosts", "Memory used", "node_exporter", {"MemoryLow": 0.92}),
    ("inference", "KV cache", "vllm", {"VllmCacheFull": 0.95}),
    ("inference", "First token", "vllm", {"VllmFirstTokenLate": 5}),
    ("backups", "Age", "backup", {"BackupTooOld": 36 * 3600}),
]


def test_the_files_are_what_the_code_says() -> None:
    assert catalogue.outdated() == [], "run `make docs`"


def test_every_module_of_a_dashboard_is_in_the_catalogue() -> None:
    modules = {
        path.stem
        for path in (ROOT / "dashboards").glob("*.py")
        if re.search(r"^DASHBOARD = ", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert set(BOARDS) == modules == set(WRITTEN)


@pytest.mark.parametrize(("uid", "board"), WRITTEN.items(), ids=WRITTEN)
def test_a_dashboard_has_its_address_and_says_about_which_roles_it_is(
    uid: str, board: dict[str, Any]
) -> None:
    assert (board["uid"], board["editable"]) == (uid, False)
    roles = {tag for tag in board["tags"] if tag.startswith("role:")}
    assert roles == {f"role:{role}" for role in BOARDS[uid].roles}
    assert board["title"] and board["description"] and board["schemaVersion"]


def test_a_roll_out_needs_neither_the_code_of_dashboards_nor_its_libraries() -> None:
    folders = ("deploys", "operations", "facts", "preflight", "group_data")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    files += [ROOT / name for name in ("inventory.py", "deploy.py", "retire.py")]
    wanted = r"^\s*(from|import) (dashboards|grafana_foundation_sdk|promql_parser)\b"
    needing = [path for path in files if re.search(wanted, path.read_text(), re.MULTILINE)]
    assert needing == []


@pytest.mark.parametrize("board", WRITTEN.values(), ids=WRITTEN)
def test_panels_do_not_overlap_and_stay_on_the_grid(board: dict[str, Any]) -> None:
    places = [(panel["title"], panel["gridPos"]) for panel in board["panels"]]
    assert all(place["x"] + place["w"] <= 24 for _, place in places)
    overlapping = [
        (one, other) for (one, a), (other, b) in combinations(places, 2) if _overlap(a, b)
    ]
    assert overlapping == []


@pytest.mark.parametrize("board", WRITTEN.values(), ids=WRITTEN)
def test_every_line_of_panels_fills_the_width(board: dict[str, Any]) -> None:
    widths: dict[int, int] = {}
    for panel in board["panels"]:
        line = panel["gridPos"]["y"]
        widths[line] = widths.get(line, 0) + panel["gridPos"]["w"]
    assert set(widths.values()) == {24}


@pytest.mark.parametrize("board", WRITTEN.values(), ids=WRITTEN)
def test_panels_have_titles_and_numbers_of_their_own(board: dict[str, Any]) -> None:
    titles = [panel["title"] for panel in board["panels"]]
    numbers = [panel["id"] for panel in board["panels"]]
    assert len(set(titles)) == len(titles)
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("board", WRITTEN.values(), ids=WRITTEN)
def test_every_panel_has_a_unit_a_description_and_a_data_source_of_fixed_name(
    board: dict[str, Any],
) -> None:
    sources = {"prometheus": "prometheus", "victoria-logs": "victoriametrics-logs-datasource"}
    for panel in (panel for panel in board["panels"] if panel["type"] != "row"):
        assert panel["fieldConfig"]["defaults"]["unit"] in GRAFANA, panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["targets"], panel["title"]
        for asked in [panel, *panel["targets"]]:
            assert sources[asked["datasource"]["uid"]] == asked["datasource"]["type"]


@pytest.mark.parametrize(("panel", "expr"), QUERIES)
def test_every_query_can_be_read_and_asks_known_metrics(panel: Panel, expr: str) -> None:
    recorded = rule_files.recorded()
    for name in expressions.names(expr) - set(recorded):
        expressions.described(name)


@pytest.mark.parametrize(("panel", "expr"), QUERIES)
def test_every_panel_has_the_unit_of_what_its_query_yields(panel: Panel, expr: str) -> None:
    unit = expressions.unit_of(expr, rule_files.recorded())
    right = GRAFANA[panel.unit]
    assert any(unit.is_same(one) for one in right), f"{unit} is shown as {panel.unit}"


@pytest.mark.parametrize(("role", "rule"), RECORDED)
def test_a_recording_rule_is_named_as_level_metric_and_operation(
    role: str, rule: dict[str, str]
) -> None:
    level, metric, operation = rule["record"].split(":")
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", level), level
    assert re.fullmatch(r"(ratio|p\d\d)?_?(rate\d+m)?", operation), operation
    labels = set(level.split("_"))
    assert labels == set(re.findall(r"\w+", _grouping(rule["expr"]))) - {"le"}
    assert metric


@pytest.mark.parametrize(("role", "rule"), RECORDED)
def test_what_is_recorded_is_shown_somewhere(role: str, rule: dict[str, str]) -> None:
    asked = {name for dashboard in BOARDS.values() for name in _asked(dashboard.panels())}
    assert rule["record"] in asked


@pytest.mark.parametrize("kind", ["rules", "recording"])
def test_the_units_within_every_rule_go_together(kind: str) -> None:
    for rules in rule_files.of_kind(kind).values():
        for rule in rules:
            expressions.unit_of(rule["expr"], rule_files.recorded())


@pytest.mark.parametrize(("uid", "title", "role", "alerts"), SHOWN_ALERTS)
def test_a_panel_turns_to_the_colour_of_its_alert_where_the_alert_fires(
    uid: str, title: str, role: str, alerts: dict[str, float]
) -> None:
    colors = {"warning": "orange", "critical": "red"}
    file = rule_files.PROMETHEUS / "rules" / f"{role}.yaml"
    groups = yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
    severity = {
        rule["alert"]: rule["labels"]["severity"] for group in groups for rule in group["rules"]
    }
    (panel,) = (panel for panel in WRITTEN[uid]["panels"] if panel["title"] == title)
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    shown = {step["color"]: step["value"] for step in steps}
    wanted = {colors[severity[name]]: value for name, value in alerts.items()}
    assert shown == {"green": None, **wanted}


def _overlap(a: dict[str, int], b: dict[str, int]) -> bool:
    beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
    above = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
    return not (beside or above)


def _asked(panels: tuple[Panel, ...]) -> set[str]:
    metric_panels = [panel for panel in panels if panel.kind not in OF_LOGS]
    queries = [query.expr for panel in metric_panels for query in panel.queries]
    return {name for expr in queries for name in expressions.names(expr)}


def _grouping(expr: str) -> str:
    found = re.search(r"by \(([^)]*)\)", expr)
    return found[1] if found else ""


@pytest.mark.parametrize(("role", "rule"), RECORDED)
def test_every_recording_rule_is_tried_with_given_samples(role: str, rule: dict[str, str]) -> None:
    file = ROOT / "tests" / "recording" / f"{role}.yaml"
    tests = yaml.safe_load(file.read_text(encoding="utf-8"))["tests"]
    tried = [case["expr"] for test in tests for case in test["promql_expr_test"]]
    assert any(rule["record"] in expr for expr in tried)
