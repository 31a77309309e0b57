"""NPU on a bare laptop: the driver before OpenVINO, and that a refused host is left as it is."""

from __future__ import annotations

from typing import Any

import pytest

from deploys import npu
from deploys.npu_server import ModelServer
from group_data.npu import npu as production
from operations import archive
from tests.fake_host import Run, run

PEOPLE = production.model_copy(update={"users": ("owner",)})
LAPTOP = [
    *("architecture\tx86_64", "kernel\t6.12.48-amd64", "linux\tdebian\t13"),
    *("device\t0000:00:0b.0", "module", "outside\towner", "end"),
]
BOARD = ["architecture\taarch64", "kernel\t5.15.148-tegra", "linux\tubuntu\t22.04", "end"]
TOOLS = [f"have\t{name}\tinstalled\t1\tinstall" for name in archive.PACKAGES]
MARKS = {
    "curl --fail": "download",
    "action=install": "install",
    "dpkg-query --show --showformat='${Version}'": "verify",
    "services/npu/transaction/transaction.sh start": "land",
}


def roll_out(
    found: list[str] = LAPTOP, settings: Any = PEOPLE, answers: dict[str, Any] | None = None
) -> Run:
    known: dict[str, Any] = {
        "users=": found,
        "names=$(cat)": [*TOOLS, "will\tlibze1\t1.20.6-1", "end"],
        "dpkg-query --show --showformat='${P": ["dpkg\tinstalled\t1.22"],
        "wanted=$(cat)": ["end"],
        "folders=": ["end of archives"],
    }
    return run(npu.install, {**(answers or {}), **known}, {"npu": settings}, groups=("npu",))


def steps(outcome: Run) -> list[str]:
    """The steps that change something, by what they run."""
    return [name for command in outcome.commands for mark, name in MARKS.items() if mark in command]


def test_the_driver_is_there_before_openvino_is_asked_for_it() -> None:
    outcome = roll_out()
    assert outcome.succeeded
    assert steps(outcome) == ["download", "install", "verify", "land"]


def test_the_libraries_of_the_distribution_come_in_the_drivers_step() -> None:
    (apt,) = (text for text in roll_out().commands if "action=install" in text)
    (line,) = (line for line in apt.split("\n") if line.startswith("packages="))
    for wanted in ("libtbb12", "libze1", "python3-venv", "/intel-fw-npu_*.deb"):
        assert wanted in line


def test_ubuntu_gets_the_loader_from_its_project() -> None:
    noble = [line.replace("debian\t13", "ubuntu\t24.04") for line in LAPTOP]
    outcome = roll_out(noble)
    assert steps(outcome) == ["download", "download", "install", "verify", "verify", "land"]


@pytest.mark.parametrize(
    "found", [BOARD, [*LAPTOP[:3], "module", "end"], [*LAPTOP[:-1], "unknown\tx", "end"]]
)
def test_a_refused_host_is_left_as_it_is(found: list[str]) -> None:
    outcome = roll_out(found)
    assert not outcome.succeeded
    assert len(outcome.commands) == 1


def test_a_wrong_sum_stops_before_anything_changes() -> None:
    outcome = roll_out(answers={"curl --fail": {"success": False, "stderr": "another sha256"}})
    assert not outcome.succeeded
    assert steps(outcome) == ["download"]


def test_a_model_server_comes_before_its_unit() -> None:
    server = ModelServer(model_folder="/srv/npu/model", model_name="model")
    outcome = roll_out(settings=PEOPLE.model_copy(update={"server": server}))
    assert steps(outcome) == ["download", "install", "verify", "download", "land"]
