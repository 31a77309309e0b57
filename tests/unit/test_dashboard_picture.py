"""The picture of a dashboard: what was recorded, in its unit, and nothing from elsewhere."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from dashboards import catalogue
from dashboards.units import GRAFANA
from docs.dashboard_picture import drawing
from docs.dashboard_picture.numbers import ticks, written

DOCS = Path(__file__).parents[2] / "docs"
RECORDINGS = sorted(DOCS.glob("*-dashboard.json"))


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_a_picture_shows_its_recording_and_needs_nothing_else(recording: Path) -> None:
    picture = recording.with_suffix(".svg").read_text(encoding="utf-8")
    name = recording.stem.removesuffix("-dashboard")
    drawn = drawing.draw(json.loads(recording.read_text(encoding="utf-8")))
    assert picture == drawn, f"run `python -m docs.dashboard_picture draw {name}`"
    assert not re.search(r"url\((?!#)|href=", picture)
    assert "not by Grafana" in picture
    ElementTree.fromstring(picture)


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_a_recording_has_every_panel_of_its_dashboard_with_values(recording: Path) -> None:
    recorded = json.loads(recording.read_text(encoding="utf-8"))
    (board,) = (one for one in catalogue.DASHBOARDS if one.uid == recorded["dashboard"])
    assert set(recorded["panels"]) == {panel.title for panel in board.panels()}
    for title, series in recorded["panels"].items():
        assert any(value is not None for one in series for value in one["values"]), title


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (0.0328, "s", "32.8 ms"),
        (129600, "s", "1.5 d"),
        (15853, "mbytes", "15.5 GiB"),
        (0.977, "percentunit", "97.7 %"),
        (691.2, "suffix: tokens/s", "691 tok/s"),
        (2.1e9, "hertz", "2.1 GHz"),
        (0, "s", "0 s"),
        (12345, "short", "12.3 k"),
    ],
)
def test_a_number_is_written_in_its_unit(value: float, unit: str, said: str) -> None:
    assert written(value, unit) == said


@pytest.mark.parametrize("unit", GRAFANA)
def test_every_unit_of_a_panel_can_be_written(unit: str) -> None:
    assert written(1, unit).startswith(("1", "100 %"))


@pytest.mark.parametrize(
    ("highest", "expected"),
    [
        (0, [0, 1]),
        (5, [0, 2, 4, 6]),
        (0.07, [0, 0.02, 0.04, 0.06, 0.08]),
        (100, [0, 25, 50, 75, 100]),
    ],
)
def test_an_axis_has_round_numbers_up_to_the_highest(highest: float, expected: list[float]) -> None:
    assert ticks(highest) == pytest.approx(expected)


def test_an_axis_of_bytes_counts_in_powers_of_1024() -> None:
    assert ticks(3.5 * 1024, binary=True) == [0, 1024, 2048, 3072, 4096]
