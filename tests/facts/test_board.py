"""The fact about a Jetson's board, on what files of real boards look like."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from pyinfra.api.exceptions import FactProcessError

from facts import board
from facts.board import Board, BoardState, Mode, Unit

# How /etc/nvpmodel/nvpmodel_p3767_0003_super.conf of r36.4.3 is written. Modes, numbers, names
# and the masks 2 and 240 are those that owners of a Jetson Orin Nano Super published, with the
# paths of `nvpmodel -q --verbose` there. That 7W gates more (252) is told in prose only: on that
# board `nvpmodel -m 3` wants a reboot, and the other three do not.
SUPER = """\
# Copyright (c) NVIDIA CORPORATION
###########################
# PARAM DEFINITIONS       #
###########################
< PARAM TYPE=FILE NAME=CPU_ONLINE >
CORE_0 /sys/devices/system/cpu/cpu0/online

< PARAM TYPE=FILE NAME=FBP_POWER_GATING >
FBP_PG_MASK /sys/devices/platform/gpu.0/fbp_pg_mask

< PARAM TYPE=FILE NAME=TPC_POWER_GATING >
TPC_PG_MASK /sys/devices/platform/gpu.0/tpc_pg_mask

###########################
# POWER_MODEL DEFINITIONS #
###########################
< POWER_MODEL ID=0 NAME=15W >
CPU_ONLINE CORE_0 1
FBP_POWER_GATING FBP_PG_MASK 2
TPC_POWER_GATING TPC_PG_MASK 240
GPU MAX_FREQ 612000000

< POWER_MODEL ID=1 NAME=25W >
CPU_ONLINE CORE_0 1
FBP_POWER_GATING FBP_PG_MASK 2
TPC_POWER_GATING TPC_PG_MASK 240
GPU MAX_FREQ 918000000

< POWER_MODEL ID=2 NAME=MAXN_SUPER >
FBP_POWER_GATING FBP_PG_MASK 2
TPC_POWER_GATING TPC_PG_MASK 240
GPU MAX_FREQ -1

< POWER_MODEL ID=3 NAME=7W >
FBP_POWER_GATING FBP_PG_MASK 2
TPC_POWER_GATING TPC_PG_MASK 252
GPU MAX_FREQ 408000000

# mandatory section to configure the default power mode
< PM_CONFIG DEFAULT=1 >
"""
MODES = (
    Mode(0, "15W", {"FBP_PG_MASK": 2, "TPC_PG_MASK": 240}),
    Mode(1, "25W", {"FBP_PG_MASK": 2, "TPC_PG_MASK": 240}),
    Mode(2, "MAXN_SUPER", {"FBP_PG_MASK": 2, "TPC_PG_MASK": 240}),
    Mode(3, "7W", {"FBP_PG_MASK": 2, "TPC_PG_MASK": 252}),
)
SHOWN = """\
Id=nv-l4t-usb-device-mode.service
LoadState=loaded
ActiveState=active
UnitFileState=enabled

Id=gdm.service
LoadState=loaded
ActiveState=inactive
UnitFileState=static

Id=ai-idp-jetson-swap.service
LoadState=not-found
ActiveState=inactive
UnitFileState=
"""
ASKED_FOR = (
    "nv-l4t-usb-device-mode.service",
    "display-manager.service",
    "ai-idp-jetson-swap.service",
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A board: its files below one folder, its tools in another one."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, script in (
        ("nvpmodel", "printf 'NVPM WARN: fan mode is not set to cool\\nNV Power Mode: 25W\\n1\\n'"),
        ("systemctl", f"cat <<'END'\n{SHOWN}END"),
        ("tegrastats", ":"),
    ):
        (tools / name).write_text(f"#!/bin/sh\n{script}\n")
        (tools / name).chmod(0o755)
    (tmp_path / "nvpmodel.conf").write_text(SUPER.replace("/sys/devices", str(tmp_path)))
    (tmp_path / "swaps").write_text(
        "Filename Type Size Used Priority\n/dev/zram0 partition 1 0 5\n"
    )
    return tmp_path


def read(root: Path, swap_file: str = "/nowhere/swap") -> Board:
    script = BoardState().command(swap_file)
    for place, name in (
        ("/etc/nvpmodel.conf", "nvpmodel.conf"),
        ("/var/lib/ai-idp/jetson-reboot-asked", "asked"),
        ("/proc/swaps", "swaps"),
    ):
        assert place in script
        script = script.replace(place, str(root / name))
    done = subprocess.run(
        ["sh", "-c", script],
        input="".join(f"{name}\n" for name in ASKED_FOR),
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": f"{root / 'bin'}:/usr/bin:/bin"},
    )
    if done.returncode == 3:
        raise FactProcessError(done.stderr)
    assert done.returncode == 0, done.stderr
    return BoardState().process(done.stdout.splitlines())


def gated(root: Path, tpc: int, golden: int) -> None:
    folder = root / "platform" / "gpu.0"
    folder.mkdir(parents=True)
    for name, value in (("fbp_pg_mask", 2), ("tpc_pg_mask", tpc), ("golden_img_status", golden)):
        (folder / name).write_text(f"{value}\n")


def test_the_modes_of_a_super_board_are_read_with_what_they_gate(root: Path) -> None:
    found = read(root)
    assert found.modes == MODES
    assert found.current == "25W"
    assert found.tools == ("tegrastats",)
    assert found.swaps == ("/dev/zram0",)


def processed(*rows: str) -> Board:
    mode = ("conf\t< POWER_MODEL ID=0 NAME=15W >", "said\tNV Power Mode: 15W")
    return BoardState().process([*mode, *rows, "end"])


def test_a_mask_of_the_configuration_that_is_no_number_fails_that_host_alone() -> None:
    """pyinfra takes other errors for its own, and ends the run of all hosts."""
    with pytest.raises(FactProcessError, match="a mask that is no number: X TPC_PG_MASK 0b2"):
        processed("conf\tX TPC_PG_MASK 0b2")


@pytest.mark.parametrize(
    ("value", "masks"),
    [
        ("240", {"TPC_PG_MASK": 240}),
        ("0xF0", {"TPC_PG_MASK": 240}),
        ("options nvidia NVreg_TegraGpuPgMask=64", {}),
        ("", {}),
    ],
)
def test_a_driver_that_tells_no_number_tells_nothing(value: str, masks: dict[str, int]) -> None:
    assert processed(f"real\tTPC_PG_MASK\t{value}").masks == masks


def test_attributes_of_a_mode_may_come_in_any_order() -> None:
    lines = ["< POWER_MODEL NAME=MAXN ID=3 >", "GPU_POWER_GATING GPU_PG_MASK 15873"]
    assert board.power_modes(lines) == (Mode(3, "MAXN", {"GPU_PG_MASK": 15873}),)


def test_a_mode_without_a_name_is_no_mode() -> None:
    with pytest.raises(FactProcessError, match="without ID or NAME: < POWER_MODEL ID=3 >"):
        board.power_modes(["< POWER_MODEL ID=3 >"])


def test_units_are_known_by_the_name_that_was_asked_for(root: Path) -> None:
    assert read(root).units == {
        ASKED_FOR[0]: Unit(ASKED_FOR[0], enabled=True, active=True),
        ASKED_FOR[1]: Unit("gdm.service"),
        ASKED_FOR[2]: Unit(ASKED_FOR[2], there=False),
    }


def test_a_swap_file_has_a_size_and_a_disk_below_it(root: Path) -> None:
    (root / "swap").write_bytes(bytes(4096))
    found = read(root, str(root / "swap"))
    assert found.swap_bytes == 4096
    assert found.disk
    assert found.free_bytes > 0
    assert read(root).swap_bytes == 0


def test_a_board_without_nvpmodel_has_no_modes(root: Path) -> None:
    (root / "nvpmodel.conf").unlink()
    found = read(root)
    assert (found.modes, found.current) == ((), "")


@pytest.mark.parametrize(
    ("tool", "script", "message"),
    [
        ("nvpmodel", "echo 'NVPM ERROR: no conf'; exit 1", "nvpmodel -q: NVPM ERROR: no conf"),
        ("nvpmodel", "echo hello", "nvpmodel -q names no mode; it says: hello"),
        ("systemctl", "exit 1", "unreadable: systemctl"),
    ],
)
def test_what_cannot_be_read_is_not_absent(
    root: Path, tool: str, script: str, message: str
) -> None:
    (root / "bin" / tool).write_text(f"#!/bin/sh\n{script}\n")
    with pytest.raises(FactProcessError, match=message):
        read(root)


@pytest.mark.parametrize(("mode", "reboots"), [("15W", False), ("MAXN_SUPER", False), ("7W", True)])
def test_a_mode_that_gates_other_parts_needs_a_reboot(root: Path, mode: str, reboots: bool) -> None:
    found = read(root)
    wanted = found.mode(mode)
    assert wanted is not None
    assert found.reboots_for(wanted) is reboots


def test_what_the_driver_has_counts_more_than_what_the_present_mode_should_have(root: Path) -> None:
    gated(root, tpc=252, golden=1)
    found = read(root)
    assert found.masks == {"FBP_PG_MASK": 2, "TPC_PG_MASK": 252}
    assert [found.reboots_for(mode) for mode in found.modes] == [True, True, True, False]


def test_before_its_first_context_the_driver_takes_any_mask(root: Path) -> None:
    gated(root, tpc=240, golden=0)
    assert not any(map(read(root).reboots_for, MODES))


@pytest.mark.parametrize(("golden", "reboots"), [(0, False), (1, True)])
def test_of_some_releases_any_mode_needs_a_reboot_once_the_graphics_unit_was_used(
    root: Path, golden: int, reboots: bool
) -> None:
    gated(root, tpc=240, golden=golden)
    assert read(root).reboots_for(MODES[0], once_used=True) is reboots


def test_whether_it_was_used_is_not_guessed(root: Path) -> None:
    found = read(root)
    assert found.used is None
    assert [found.reboots_for(mode, once_used=True) for mode in MODES] == [False] * 3 + [True]


def test_what_the_board_asked_for_last_time_counts_whatever_the_masks_say(root: Path) -> None:
    (root / "asked").write_text("MAXN_SUPER\n")
    found = read(root)
    assert [found.reboots_for(mode) for mode in MODES[:3]] == [False, False, True]
