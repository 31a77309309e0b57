"""The lab's stand-in for the Jetson: it refuses, asks and remembers as the board's own tools do."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import pytest

from lab.standins.jetson import board, jetson_clocks, nvpmodel, tegrastats

RECORDED = Path(board.__file__).parent / "recorded"
QUESTION = "NVPM WARN: DO YOU WANT TO REBOOT NOW? enter YES/yes to confirm:\n"
NO_REQUEST = "NVPM ERROR: optMask is 1, no request for power mode\n"


class Board:
    """A board in a folder; `says` is what a tool printed, `reboots` how often one was asked for."""

    def __init__(self, patch: pytest.MonkeyPatch, captured: pytest.CaptureFixture[str]) -> None:
        self.patch, self.captured, self.reboots = patch, captured, 0

    def nvpmodel(self, *arguments: str, answer: str = "") -> tuple[int, str]:
        self.patch.setattr(sys, "argv", ["nvpmodel", *arguments])
        self.patch.setattr(sys, "stdin", io.StringIO(answer))
        status = nvpmodel.main()
        return status, self.captured.readouterr().out

    def mode(self) -> str:
        return self.nvpmodel("-q")[1]

    def restart(self) -> None:
        for file in board.CHIP.iterdir():
            file.unlink()
        assert self.nvpmodel("-f", str(board.CONFIGURATION)) == (0, "")


@pytest.fixture
def r36(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Board:
    """A board that has just started for the first time."""
    (tmp_path / "chip").mkdir()
    monkeypatch.setattr(board, "CHIP", tmp_path / "chip")
    monkeypatch.setattr(board, "STATUS", tmp_path / "nvpmodel" / "status")
    monkeypatch.setattr(board, "RELEASE", RECORDED / "r36" / "nv_tegra_release")
    monkeypatch.setattr(board, "CONFIGURATION", RECORDED / "r36/nvpmodel_p3767_0003_super.conf")
    monkeypatch.setattr(jetson_clocks, "HELD", tmp_path / "chip" / "clocks")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    played = Board(monkeypatch, capsys)

    def reboot(*_: object) -> None:
        played.reboots += 1

    monkeypatch.setattr(nvpmodel, "reboot", reboot)
    played.restart()
    return played


def test_a_fresh_board_is_in_the_mode_of_its_configuration(r36: Board) -> None:
    assert r36.mode() == "NV Power Mode: 25W\n1\n"
    assert board.STATUS.read_text() == "pmode:0001"


def test_a_mode_with_the_same_cores_is_entered_at_once_and_kept(r36: Board) -> None:
    assert r36.nvpmodel("-m", "2") == (0, "")
    assert r36.mode() == "NV Power Mode: MAXN_SUPER\n2\n"
    r36.restart()
    assert r36.mode() == "NV Power Mode: MAXN_SUPER\n2\n"


def test_an_id_that_is_none_is_refused(r36: Board) -> None:
    assert r36.nvpmodel("-m", "7") == (255, "NVPM ERROR: request for bad power mode 7\n")


def test_who_is_not_root_may_ask_but_not_change(
    r36: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    status, said = r36.nvpmodel("-m", "2")
    assert status == 255
    assert said.endswith("NVPM ERROR: failed to set power mode!\n")
    assert r36.mode() == "NV Power Mode: 25W\n1\n"


@pytest.mark.parametrize(
    ("answer", "end"),
    [("", "NVPM ERROR: bad input!\n" + NO_REQUEST), ("no\n", NO_REQUEST)],
)
def test_fewer_cores_want_a_reboot_which_may_be_declined(r36: Board, answer: str, end: str) -> None:
    status, said = r36.nvpmodel("-m", "3", answer=answer)
    assert status == 255
    assert said == f"NVPM WARN: Reboot required for changing to this power mode: 3\n{QUESTION}{end}"
    r36.restart()
    assert r36.mode() == "NV Power Mode: 25W\n1\n"


def test_the_old_mode_stays_until_the_reboot_that_was_agreed_to(r36: Board) -> None:
    status, said = r36.nvpmodel("-m", "3", answer="YES\n")
    assert (status, r36.reboots) == (0, 1)
    assert said.endswith("NVPM WARN: rebooting\n")
    assert r36.mode() == "NV Power Mode: 25W\n1\n"
    r36.restart()
    assert r36.mode() == "NV Power Mode: 7W\n3\n"


def test_force_asks_nothing(r36: Board) -> None:
    status, said = r36.nvpmodel("-m", "3", "--force")
    assert (status, r36.reboots) == (0, 1)
    assert QUESTION not in said


def test_once_the_gpu_was_used_every_change_asks(r36: Board) -> None:
    (board.CHIP / "gpu-used").touch()
    status, said = r36.nvpmodel("-m", "2")
    assert status == 255
    assert said.startswith("NVPM WARN: Golden image context is already created\n")


def test_held_clocks_are_let_go_by_a_start(r36: Board, capsys: pytest.CaptureFixture[str]) -> None:
    assert jetson_clocks.main([]) == 0
    jetson_clocks.main(["--show"])
    assert "GPU MinFreq=918000000 MaxFreq=918000000" in capsys.readouterr().out
    r36.restart()
    jetson_clocks.main(["--show"])
    assert "GPU MinFreq=306000000 MaxFreq=918000000" in capsys.readouterr().out


def test_clocks_are_stored_once_and_restored(
    r36: Board, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "l4t_dfs.conf"
    assert jetson_clocks.main(["--restore", str(file)]) == 1
    assert jetson_clocks.main(["--store", str(file)]) == 0
    assert jetson_clocks.main([]) == 0
    assert jetson_clocks.main(["--restore", str(file)]) == 0
    assert not (board.CHIP / "clocks").exists()
    r36.patch.setattr(sys, "stdin", io.StringIO(""))
    assert jetson_clocks.main(["--store", str(file)]) == 1
    assert "already exists. Can I overwrite it? Y/N:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("mode", "power"), [("0", "VDD_IN 5251mW"), ("1", "VDD_IN 4523mW"), ("2", "VDD_IN 4556mW")]
)
def test_tegrastats_shows_what_a_board_in_the_mode_showed(
    r36: Board, mode: str, power: str
) -> None:
    r36.nvpmodel("-m", mode)
    assert power in tegrastats.line(0)


def test_tegrastats_shows_the_time_that_it_is(r36: Board) -> None:
    assert re.match(r"\d\d-\d\d-\d{4} \d\d:\d\d:\d\d RAM 1954/7620MB ", tegrastats.line(0))


def test_tegrastats_shows_load_and_held_clocks(r36: Board) -> None:
    r36.nvpmodel("-m", "0")
    (board.CHIP / "busy").touch()
    assert "GR3D_FREQ 99%@[612]" in tegrastats.line(0)
    (board.CHIP / "busy").unlink()
    r36.nvpmodel("-m", "2")
    jetson_clocks.main([])
    assert "CPU [2%@1728," in tegrastats.line(0)


@pytest.mark.parametrize(
    ("release", "names"),
    [
        ("r36", {0: "15W", 1: "25W", 2: "MAXN_SUPER", 3: "7W"}),
        ("r39", {0: "15W", 1: "25W", 2: "MAXN_SUPER"}),
    ],
)
def test_each_mode_of_a_release_has_a_recording(release: str, names: dict[int, str]) -> None:
    file = RECORDED / release / "nvpmodel_p3767_0003_super.conf"
    modes = board.modes(file.read_text())
    assert {number: mode.name for number, mode in modes.items()} == names
    assert {file.name for file in (RECORDED / release / "tegrastats").iterdir()} >= {
        *names.values()
    }
