"""A Jetson: what its release and its board lead to, and that a refused one is left as it is."""

from __future__ import annotations

from typing import Any

import pytest

from deploys import jetson
from deploys.jetson import Jetson
from operations.reboot import BOOT_ID
from tests.fake_host import Run, run

R36 = "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64, DATE: Wed"
R39 = "# R39 (release), REVISION: 2.1, GCID: 46758480, BOARD: generic, EABI: aarch64, DATE: Fri"
UNITS = {
    "nv-l4t-usb-device-mode.service": ("loaded", "enabled", "active"),
    "nvzramconfig.service": ("loaded", "enabled", "inactive"),
    "display-manager.service": ("not-found", "", "inactive"),
    "ai-idp-jetson-clocks.service": ("not-found", "", "inactive"),
    "ai-idp-jetson-swap.service": ("not-found", "", "inactive"),
}
BOARD = [
    *("conf\t< POWER_MODEL ID=0 NAME=15W >", "conf\tTPC_POWER_GATING TPC_PG_MASK 240"),
    *("conf\t< POWER_MODEL ID=1 NAME=25W >", "conf\tTPC_POWER_GATING TPC_PG_MASK 240"),
    *("conf\t< POWER_MODEL ID=3 NAME=7W >", "conf\tTPC_POWER_GATING TPC_PG_MASK 252"),
    *("said\tNV Power Mode: 15W", "said\t0", "tool\ttegrastats", "tool\tjetson_clocks"),
    "disk\t/dev/nvme0n1p1\t100000000000",
    *(
        f"unit\t{name}\tId={name}\tLoadState={load}\tUnitFileState={enabled}\tActiveState={active}"
        for name, (load, enabled, active) in UNITS.items()
    ),
    "end",
]
STEPS = {
    "action=switch\n": "set the mode",
    "action=reboot_into\n": "reboot into the mode",
    "action=confirm\n": "confirm the mode",
    "systemctl --quiet": "units",
    "fallocate": "make the swap file",
    "services/jetson/transaction/transaction.sh start": "land",
}


def roll_out(
    release: list[str] | None = None, board: list[str] | None = None, **values: Any
) -> Run:
    answers = {
        "nv_tegra_release": [R36, "end"] if release is None else release,
        "modes=/etc/nvpmodel.conf": board or BOARD,
        "wanted=$(cat)": ["end"],
        BOOT_ID: "the boot",
    }
    settings = Jetson.model_validate({"power_mode": "25W", **values})
    # The host never comes back.
    impatient = settings.model_copy(update={"reboot_seconds": 0})
    return run(jetson.install, answers, {"jetson": impatient}, groups=("jetson",))


def steps(outcome: Run) -> list[str]:
    return [name for command in outcome.commands for mark, name in STEPS.items() if mark in command]


@pytest.mark.parametrize("release", [R36, R39])
def test_a_known_release_gets_its_mode_and_what_runs_beside_it(release: str) -> None:
    outcome = roll_out([release, "end"])
    assert outcome.succeeded
    assert steps(outcome) == ["set the mode", "land"]


@pytest.mark.parametrize(
    ("release", "expected"),
    [(R36, ["set the mode", "land"]), (R39, ["reboot into the mode"])],
)
def test_on_jetpack_7_a_used_graphics_unit_means_a_reboot(
    release: str, expected: list[str]
) -> None:
    outcome = roll_out([release, "end"], ["used\t1", *BOARD])
    assert steps(outcome) == expected


def test_a_board_that_is_as_it_should_be_is_asked_three_times() -> None:
    outcome = roll_out(power_mode="15W")
    assert steps(outcome) == ["land"]
    marks = ("nv_tegra_release", "modes=/etc/nvpmodel.conf", "wanted=$(cat)")
    assert all(mark in command for mark, command in zip(marks, outcome.commands, strict=False))
    assert "transaction" in outcome.commands[len(marks)]


def test_everything_that_is_wanted_comes_before_the_units_that_need_it() -> None:
    outcome = roll_out(swap_file_gib=4, jetson_clocks=True, zram=False)
    assert steps(outcome) == ["set the mode", "units", "make the swap file", "land"]


@pytest.mark.parametrize(
    ("release", "values", "message"),
    [
        (["end"], {}, "it has no /etc/nv_tegra_release, so it is no Jetson"),
        (
            [R36.replace("R36", "R37"), "end"],
            {},
            "it runs Jetson Linux r37.4.3, which is not known",
        ),
        ([R36, "end"], {"power_mode": "50W"}, "its board has no power mode 50W; set `power_mode`"),
    ],
)
def test_a_refused_host_is_left_as_it_is(
    release: list[str], values: dict[str, Any], message: str, caplog: pytest.LogCaptureFixture
) -> None:
    outcome = roll_out(release, **values)
    assert not outcome.succeeded
    assert steps(outcome) == []
    assert message in caplog.text


@pytest.mark.parametrize("broken", ["nv_tegra_release", "modes=/etc/nvpmodel.conf"])
def test_what_cannot_be_read_changes_nothing_and_fails_the_host(broken: str) -> None:
    answers: dict[str, Any] = {
        "nv_tegra_release": [R36, "end"],
        "modes=/etc/nvpmodel.conf": BOARD,
        "wanted=$(cat)": ["end"],
        broken: {"success": False, "stderr": "unreadable"},
    }
    settings = {"jetson": Jetson(power_mode="25W")}
    outcome = run(jetson.install, answers, settings, groups=("jetson",))
    assert not outcome.succeeded
    assert steps(outcome) == []


def test_an_unknown_release_is_not_even_asked_for_its_board() -> None:
    outcome = roll_out(["end"])
    assert not any("nvpmodel" in command for command in outcome.commands)
