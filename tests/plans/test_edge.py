"""Edge on a board: the image of its release, and refusals that leave it as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import secret_store
from changes import Change
from deploys import edge
from deploys.edge import Edge
from deploys.models import Models
from facts.jetson_linux import FILE
from tests.fake_host import Run, run
from tests.unit.sample_models import CHAT, DIGEST

PUBLISHER = "ghcr.io/nvidia-ai-iot/llama_cpp"
R36 = f"{PUBLISHER}:b8708-r36.4-tegra-aarch64-cu126-22.04@{DIGEST}"
R39 = f"{PUBLISHER}:b10373-r38.2.arm64-sbsa-cp312-cu130-24.04@{DIGEST}"
LINE = "# R{} (release), REVISION: {}, GCID: 1, BOARD: generic, EABI: aarch64, DATE: today"


@pytest.fixture
def data(tmp_path: Path) -> dict[str, Any]:
    """What the board has by inventory."""
    store = {
        "secret_store": str(tmp_path / "secrets"),
        "secret_identity": str(tmp_path / "identity.txt"),
    }
    secret_store.for_data(store).ensure([edge.API_KEY])
    settings = Edge(images={36: R36, 39: R39}, model="chat", threads=2)
    held = Models(catalogue=(CHAT,))
    return {**store, "edge": settings, "models": held, "ssh_hostname": "192.0.2.1"}


def roll_out(data: dict[str, Any], *release: str) -> Run:
    answers = {f"-e {FILE}": [*release, "end"], "wanted=$(cat)": ["end"], "project=edge": ["end"]}
    return run(edge.install, answers, data, groups=("edge", "models"))


@pytest.fixture
def announced(monkeypatch: pytest.MonkeyPatch) -> list[Change]:
    """What the run said that it would change."""
    said: list[Change] = []
    monkeypatch.setattr("changes.announce", lambda _, changes: said.extend(changes))
    return said


def changing(outcome: Run) -> list[str]:
    return [command for command in outcome.commands if "transaction" in command]


@pytest.mark.parametrize(
    ("release", "image"), [(("36", "4.3"), R36), (("36", "5"), R36), (("39", "2"), R39)]
)
def test_each_release_gets_its_image(
    release: tuple[str, str], image: str, data: dict[str, Any], announced: list[Change]
) -> None:
    outcome = roll_out(data, LINE.format(*release))
    assert outcome.succeeded
    (container, *_) = [change for change in announced if change.kind == "container"]
    assert (container.action, container.what) == ("create", "edge/server")
    assert container.detail == {"image": image}
    assert changing(outcome)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ((LINE.format(37, "1.0"),), "it runs Jetson Linux r37.1.0, which is not known here"),
        ((LINE.format(36, "3.0"),), "upgrade the board, or name an older image"),
        ((), "it has no /etc/nv_tegra_release"),
    ],
)
def test_another_board_is_refused_and_left_as_it_is(
    lines: tuple[str, ...], reason: str, data: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    outcome = roll_out(data, *lines)
    assert not outcome.succeeded
    assert changing(outcome) == []
    assert reason in caplog.text


def test_a_release_without_an_image_is_refused_and_left_as_it_is(data: dict[str, Any]) -> None:
    settings = Edge(images={36: R36}, model="chat", threads=2)
    outcome = roll_out({**data, "edge": settings}, LINE.format(39, "2.0"))
    assert not outcome.succeeded
    assert changing(outcome) == []
