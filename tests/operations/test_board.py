"""`board.in_power_mode`, `board.units_kept` and `board.swap_file`: which steps a state leads to."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from facts.board import Board, Mode, Unit
from operations import board
from operations.board import Units
from operations.reboot import BOOT_ID
from tests.fake_host import Run, run

LESS, MORE, SMALL = (
    Mode(0, "15W", {"TPC_PG_MASK": 240}),
    Mode(1, "25W", {"TPC_PG_MASK": 240}),
    Mode(3, "7W", {"TPC_PG_MASK": 252}),
)
BOARD = Board(modes=(LESS, MORE, SMALL), current="15W")
ASKED = """\
NVPM WARN: Golden image context is already created
NVPM WARN: Reboot required for changing to this power mode: 3
NVPM WARN: DO YOU WANT TO REBOOT NOW? enter YES/yes to confirm:
NVPM ERROR: bad input!
NVPM ERROR: optMask is 1, no request for power mode
"""


def in_mode(found: Board, mode: Mode, **answers: Any) -> Run:
    """A run on a host that never answers with another boot."""
    install = lambda: board.in_power_mode(found=found, mode=mode, reboot_seconds=0)  # noqa: E731
    return run(install, {BOOT_ID: "the boot", **answers})


def steps(outcome: Run) -> list[str]:
    names = ("switch", "reboot_into", "confirm")
    return [x for command in outcome.commands for x in names if f"action={x}\n" in command]


def test_the_mode_that_the_board_is_in_costs_nothing() -> None:
    assert in_mode(BOARD, LESS).commands == []


def test_a_mode_with_the_same_parts_is_set_at_once() -> None:
    outcome = in_mode(BOARD, MORE)
    assert outcome.succeeded
    assert steps(outcome) == ["switch"]
    assert outcome.commands[0].startswith("action=switch\nnumber=1\nmode=25W\n")


def test_a_mode_with_other_parts_reboots_the_host_and_is_waited_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    outcome = in_mode(BOARD, SMALL)
    assert not outcome.succeeded
    assert steps(outcome) == ["reboot_into"]
    assert "it was told to reboot and is not back after 0 s" in caplog.text


@pytest.mark.parametrize(
    ("mode", "rebooting", "row"),
    [
        (MORE, "", ("setting", "set", "power mode", "- power mode 15W\n+ power mode 25W\n")),
        (SMALL, "board", ("host", "reboot", "board", "- power mode 15W\n+ power mode 7W\n")),
    ],
)
def test_a_plan_says_whether_the_host_reboots(
    mode: Mode, rebooting: str, row: tuple[str, ...]
) -> None:
    change = board.change_of_mode(BOARD, mode, rebooting)
    assert (change.kind, change.action, change.what, change.diff) == row


@pytest.fixture
def bin_folder(tmp_path: Path) -> Path:
    """Tools that write down how they were called, in one file."""
    folder = tmp_path / "bin"
    folder.mkdir()
    tool(
        folder,
        "systemctl",
        f'echo "systemctl $*" >>{tmp_path}/calls; [ "$1" != is-active ] || echo active',
    )
    tool(folder, "sync", "")
    return folder


def tool(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def nvpmodel(folder: Path, answer: str, status: int, present: str) -> None:
    calls = folder.parent / "calls"
    (folder / "answer").write_text(answer)
    tool(
        folder,
        "nvpmodel",
        f"if [ $1 = -q ]; then printf 'NV Power Mode: {present}\\n3\\n'; exit; fi\n"
        f'read -r said; echo "nvpmodel $* <$said" >>{calls}; cat {folder}/answer; exit {status}',
    )


def do(action: str, mode: Mode, folder: Path) -> tuple[int, str, list[str]]:
    """Status, errors and calls of the script."""
    script = board._script(action, mode).replace("/var/lib/ai-idp", str(folder.parent))
    environment = {"PATH": f"{folder}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, check=False, env=environment
    )
    return done.returncode, done.stderr, (folder.parent / "calls").read_text().splitlines()


def test_the_script_sets_a_mode_by_its_number_while_the_clocks_are_let_go(bin_folder: Path) -> None:
    nvpmodel(bin_folder, "", 0, present="25W")
    status, _, calls = do("switch", MORE, bin_folder)
    assert status == 0
    assert calls == [
        "systemctl is-active ai-idp-jetson-clocks.service",
        "systemctl stop ai-idp-jetson-clocks.service",
        "nvpmodel -m 1 <no",
        "systemctl start ai-idp-jetson-clocks.service",
    ]


def test_a_reboot_that_no_plan_announced_is_not_made_and_the_next_plan_knows(
    bin_folder: Path,
) -> None:
    nvpmodel(bin_folder, ASKED, 255, present="15W")
    status, said, calls = do("switch", SMALL, bin_folder)
    assert status == 1
    assert said == (
        "the board takes power mode 7W only with a reboot, which this plan does not announce; "
        "run it once more: the next one does\n"
    )
    assert not any("reboot" in call for call in calls)
    assert (bin_folder.parent / "jetson-reboot-asked").read_text() == "7W\n"
    assert replace(BOARD, asked="25W").reboots_for(MORE)


def test_a_mode_that_does_not_come_is_an_error_with_what_nvpmodel_said(bin_folder: Path) -> None:
    nvpmodel(bin_folder, "NVPM ERROR: failed to write PARAM GPU", 255, present="15W")
    status, said, calls = do("switch", MORE, bin_folder)
    assert status == 1
    assert "power mode 25W was set and the board is in another one" in said
    assert "NVPM ERROR: failed to write PARAM GPU" in said
    assert calls[-1] == "systemctl start ai-idp-jetson-clocks.service"


def test_a_reboot_is_answered_with_yes_and_made_where_the_board_did_not_ask(
    bin_folder: Path,
) -> None:
    nvpmodel(bin_folder, ASKED, 0, present="7W")
    assert do("reboot_into", SMALL, bin_folder)[2] == ["nvpmodel -m 3 <YES", "systemctl reboot"]


def test_after_the_reboot_the_mark_goes(bin_folder: Path) -> None:
    nvpmodel(bin_folder, "", 0, present="7W")
    (bin_folder.parent / "calls").touch()
    asked = bin_folder.parent / "jetson-reboot-asked"
    asked.write_text("7W\n")
    assert do("confirm", SMALL, bin_folder)[0] == 0
    assert not asked.exists()


UNITS = {
    "usb.service": Unit("usb.service", enabled=True, active=True),
    "zram.service": Unit("zram.service"),
    "display-manager.service": Unit("gdm.service", active=True),
}


def test_units_that_are_as_they_should_be_cost_nothing() -> None:
    found = replace(BOARD, units=UNITS)
    wanted = Units(enabled=("usb.service",), running=("usb.service",), disabled=("zram.service",))
    assert run(lambda: board.units_kept(found=found, units=wanted), {}).commands == []


def test_units_are_told_what_they_are_not_yet_and_under_their_own_names() -> None:
    found = replace(BOARD, units=UNITS, swaps=("/dev/zram0", "/swapfile"))
    wanted = Units(
        enabled=("zram.service",),
        disabled=("usb.service",),
        stopped=("usb.service", "display-manager.service"),
    )
    outcome = run(
        lambda: board.units_kept(found=found, units=wanted, swap_off=["/dev/zram0", "/dev/zram1"]),
        {},
    )
    assert outcome.commands == [
        "systemctl --quiet stop usb.service gdm.service",
        "systemctl --quiet disable usb.service",
        "systemctl --quiet enable zram.service",
        "swapoff /dev/zram0",
    ]


@pytest.mark.parametrize(
    ("found", "gib", "expected"),
    [
        (BOARD, 0, []),
        (replace(BOARD, swap_bytes=4 * board.GIB), 4, []),
        (
            BOARD,
            4,
            [
                "umask 077 && mkdir -p $(dirname /mnt/swap) && { rm -f /mnt/swap.new && fallocate"
                " --length 4GiB /mnt/swap.new && mkswap /mnt/swap.new && mv /mnt/swap.new /mnt/swap"
                " || { rm -f /mnt/swap.new; exit 1; }; }"
            ],
        ),
        (
            replace(BOARD, swap_bytes=1, swaps=("/mnt/swap",)),
            0,
            ["swapoff /mnt/swap || ! grep '^/mnt/swap ' /proc/swaps", "rm /mnt/swap"],
        ),
    ],
)
def test_a_swap_file_has_the_size_that_is_wanted(
    found: Board, gib: int, expected: list[str]
) -> None:
    outcome = run(lambda: board.swap_file(found=found, path="/mnt/swap", gib=gib), {})
    assert outcome.commands == expected


@pytest.mark.parametrize(("status", "left"), [(0, ["swap"]), (1, [])])
def test_what_has_the_name_of_the_swap_file_is_one(
    bin_folder: Path, status: int, left: list[str]
) -> None:
    """What a power cut leaves before mkswap has the size that a plan would take for enough."""
    folder = bin_folder.parent / "disk"
    path = folder / "swap"
    tool(bin_folder, "fallocate", f'[ ! -e {path} ] && touch "$3"')
    tool(bin_folder, "mkswap", f"[ ! -e {path} ] && exit {status}")
    outcome = run(lambda: board.swap_file(found=BOARD, path=str(path), gib=4), {})
    environment = {"PATH": f"{bin_folder}:{os.environ['PATH']}"}
    (command,) = outcome.commands
    done = subprocess.run(["sh", "-c", command], check=False, env=environment)
    assert (done.returncode, [x.name for x in folder.iterdir()]) == (status, left)
