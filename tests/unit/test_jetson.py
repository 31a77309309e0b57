"""The role jetson: what its settings mean on a board, and which boards it refuses."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from deploys import jetpack, jetson
from deploys.firewall import openings_of
from deploys.jetson import CLOCKS, DISPLAY, METRICS, SWAP, Jetson
from deploys.jetson_preflight import USB_UNIT, ZRAM_UNIT, obstacle
from deploys.ssh import Ssh
from deploys.topology import Machine, Topology
from facts.board import Board, Mode, Unit
from facts.jetson_linux import Release
from operations.board import GIB
from operations.entries import File, Link

SETTINGS = Jetson(power_mode="25W")
BOARD = Board(
    modes=(Mode(0, "15W"), Mode(1, "25W"), Mode(2, "MAXN_SUPER"), Mode(3, "7W")),
    current="25W",
    tools=("tegrastats", "jetson_clocks"),
    disk="/dev/nvme0n1p1",
    free_bytes=100 * GIB,
    units={
        USB_UNIT: Unit(USB_UNIT, enabled=True, active=True),
        ZRAM_UNIT: Unit(ZRAM_UNIT, enabled=True),
        DISPLAY: Unit("gdm.service", active=True),
        CLOCKS: Unit(CLOCKS, there=False),
        SWAP: Unit(SWAP, there=False),
    },
)
NOT_SUPER = replace(BOARD, modes=(Mode(0, "15W"), Mode(1, "7W")))
NO_USB = replace(BOARD, units={**BOARD.units, USB_UNIT: Unit(USB_UNIT, there=False)})
NO_ZRAM = replace(BOARD, units={**BOARD.units, ZRAM_UNIT: Unit(ZRAM_UNIT, there=False)})


def settings(**values: object) -> Jetson:
    return Jetson.model_validate({"power_mode": "25W", **values})


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (settings(), BOARD),
        (settings(power_mode="15W"), NOT_SUPER),
        (settings(jetson_clocks=True), BOARD),
        (settings(), replace(BOARD, tools=("tegrastats",))),
        (settings(usb_device_mode=False), NO_USB),
        (settings(zram=False), NO_ZRAM),
        (settings(zram=True), BOARD),
        (settings(swap_file_gib=8), BOARD),
        (settings(), replace(BOARD, disk="/dev/mmcblk0p1")),
        (settings(swap_file_gib=8), replace(BOARD, free_bytes=0, swap_bytes=8 * GIB)),
    ],
)
def test_a_board_that_has_what_the_settings_need_is_taken(wanted: Jetson, found: Board) -> None:
    assert obstacle(wanted, found) == ""


@pytest.mark.parametrize(
    ("wanted", "found", "message"),
    [
        (
            settings(),
            replace(BOARD, tools=()),
            "it has no tegrastats, which the board's metrics come from; as root: "
            "apt-get install nvidia-l4t-tools",
        ),
        (
            settings(jetson_clocks=True),
            replace(BOARD, tools=("tegrastats",)),
            "`jetson_clocks` is set and it has no such program; as root: "
            "apt-get install nvidia-l4t-tools, or set jetson_clocks=False",
        ),
        (
            settings(),
            replace(BOARD, modes=()),
            "it has no /etc/nvpmodel.conf with its power modes; as root: "
            "apt-get install nvidia-l4t-nvpmodel",
        ),
        (
            settings(power_mode="30W"),
            BOARD,
            "its board has no power mode 30W; set `power_mode` to one that /etc/nvpmodel.conf "
            "there "
            "names: 15W, 25W, MAXN_SUPER, 7W",
        ),
        (
            settings(power_mode="25W"),
            NOT_SUPER,
            "its board has no power mode 25W; set `power_mode` to one that /etc/nvpmodel.conf "
            "there "
            "names: 15W, 7W; a board that was flashed without its super configuration lacks 25W "
            "and "
            "MAXN_SUPER: flash it as `jetson-orin-nano-devkit-super`",
        ),
        (
            settings(),
            NO_USB,
            "`usb_device_mode` is set and it has no nv-l4t-usb-device-mode.service; set "
            "usb_device_mode=False, or as root: apt-get install --reinstall nvidia-l4t-init",
        ),
        (
            settings(zram=True),
            NO_ZRAM,
            "`zram` is set and it has no nvzramconfig.service; leave `zram` out, or as root: "
            "apt-get install --reinstall nvidia-l4t-init",
        ),
        (
            settings(swap_file_gib=8),
            replace(BOARD, disk="/dev/mmcblk0p1"),
            "/swapfile would lie on /dev/mmcblk0p1, a card that swapping wears out; set "
            "`swap_file` "
            "to a path on its NVMe disk, or swap_file_gib=0",
        ),
        (
            settings(swap_file_gib=8),
            replace(BOARD, free_bytes=9 * GIB),
            "/swapfile is to take 8 GiB of /dev/nvme0n1p1, which has 9 GiB free and keeps 2; set a "
            "smaller `swap_file_gib`, or free space",
        ),
    ],
)
def test_a_board_that_lacks_something_is_refused_with_the_way_out(
    wanted: Jetson, found: Board, message: str
) -> None:
    assert obstacle(wanted, found) == message


@pytest.mark.parametrize(
    ("release", "message"),
    [
        (Release(36, "4.3"), ""),
        (Release(39, "2.1"), ""),
        (Release(37, "0"), "it runs Jetson Linux r37.0, which is not known here; flash JetPack 6"),
        (Release(35, "6.1"), "it runs Jetson Linux r35.6.1, which is not known here"),
        (Release(), "it has no /etc/nv_tegra_release, so it is no Jetson"),
    ],
)
def test_known_releases_are_taken_and_others_are_not(release: Release, message: str) -> None:
    said = jetpack.obstacle(release)
    assert said.startswith(message)
    assert bool(said) is bool(message)


@pytest.mark.parametrize(
    "values", [{"power_mode": "25 W"}, {"swap_file": "swap"}, {"swap_file": "/a; rm -rf /"}]
)
def test_names_and_paths_hold_nothing_for_a_shell(values: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        settings(**values)


def test_as_delivered_the_usb_link_stays_on_and_the_desktop_goes() -> None:
    kept = jetson.kept(SETTINGS, BOARD)
    assert (kept.enabled, kept.running) == ((USB_UNIT,), (USB_UNIT,))
    assert ZRAM_UNIT not in {*kept.enabled, *kept.disabled}
    assert DISPLAY in kept.stopped


@pytest.mark.parametrize(
    ("swaps", "started"), [((), True), (("/swapfile",), True), (("/dev/zram0",), False)]
)
def test_zram_that_is_wanted_is_not_put_off_until_the_next_boot(
    swaps: tuple[str, ...], started: bool
) -> None:
    kept = jetson.kept(settings(zram=True), replace(BOARD, swaps=swaps))
    assert ZRAM_UNIT in kept.enabled
    assert (ZRAM_UNIT in kept.running) is started


def test_what_is_turned_off_is_ended_too() -> None:
    kept = jetson.kept(settings(usb_device_mode=False, zram=False), BOARD)
    assert {USB_UNIT, ZRAM_UNIT, CLOCKS, SWAP} == set(kept.disabled)
    assert {USB_UNIT, DISPLAY, CLOCKS, SWAP} == set(kept.stopped)


def test_a_desktop_runs_where_one_is_installed() -> None:
    wanted = settings(desktop=True)
    assert DISPLAY in jetson.kept(wanted, BOARD).running
    without = {**BOARD.units, DISPLAY: Unit(DISPLAY, there=False)}
    assert DISPLAY not in jetson.kept(wanted, replace(BOARD, units=without)).running


def files(wanted: Jetson) -> dict[str, str]:
    return {x.path: x.content.decode() for x in jetson.entries(wanted) if isinstance(x, File)}


@pytest.mark.parametrize(("desktop", "target"), [(False, "multi-user"), (True, "graphical")])
def test_the_target_of_a_boot_is_a_link(desktop: bool, target: str) -> None:
    links = [x for x in jetson.entries(settings(desktop=desktop)) if isinstance(x, Link)]
    path = "/etc/systemd/system/default.target"
    assert links == [Link(path, f"/usr/lib/systemd/system/{target}.target")]


def test_the_clocks_are_stored_before_they_are_held_and_restored_in_the_end() -> None:
    unit = files(settings(jetson_clocks=True))[f"/etc/systemd/system/{CLOCKS}"]
    calls = [line.partition("=")[::2] for line in unit.splitlines() if line.startswith("Exec")]
    stored = "/run/ai-idp-jetson-clocks/before"
    assert calls == [
        ("ExecStart", f"/usr/bin/jetson_clocks --store {stored}"),
        ("ExecStart", "/usr/bin/jetson_clocks"),
        ("ExecStop", f"/usr/bin/jetson_clocks --restore {stored}"),
    ]
    assert "After=nvpmodel.service" in unit


def test_units_come_and_go_with_their_settings() -> None:
    assert SETTINGS.units == (METRICS,)
    whole = settings(jetson_clocks=True, swap_file_gib=4)
    assert whole.units == (METRICS, CLOCKS, SWAP)
    assert set(files(whole)) - set(files(SETTINGS)) == {
        f"/etc/systemd/system/{CLOCKS}",
        f"/etc/systemd/system/{SWAP}",
    }


SHOWN = "GPU MinFreq={} MaxFreq=918000000 CurrentFreq=306000000"


@pytest.mark.parametrize(
    ("lowest", "swaps", "expected"),
    [
        ("918000000", "/swapfile file 1 0 -2", []),
        (
            "306000000",
            "/dev/zram0 partition 1 0 5",
            [
                "differs: clocks, which are not held at their maximum",
                "differs: /swapfile, which is not swapped to",
            ],
        ),
    ],
)
def test_clocks_and_swap_that_somebody_let_go_are_named(
    tmp_path: Path, lowest: str, swaps: str, expected: list[str]
) -> None:
    (tmp_path / "swaps").write_text(f"Filename Type\n{swaps}\n")
    (tmp_path / "jetson_clocks").write_text(f"#!/bin/sh\necho '{SHOWN.format(lowest)}'\n")
    (tmp_path / "systemctl").write_text("#!/bin/sh\nexit 0\n")
    for tool in ("jetson_clocks", "systemctl"):
        (tmp_path / tool).chmod(0o755)
    live = jetson.steps(settings(jetson_clocks=True, swap_file_gib=4)).live
    done = subprocess.run(
        ["sh", "-c", live.replace("/proc/swaps", str(tmp_path / "swaps"))],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
    )
    assert done.stdout.splitlines() == expected


def test_nothing_is_asked_where_nothing_is_held() -> None:
    assert jetson.steps(SETTINGS).live == ""


def machine(wanted: Jetson, address: str = "192.0.2.40") -> Machine:
    held = {"jetson": wanted, "ssh": Ssh()}
    return Machine("board", address, tuple(held), held, {"networks": ["192.0.2.0/24"]})


def test_the_firewall_lets_in_who_asks_for_an_address_on_the_usb_link_alone() -> None:
    def openings(wanted: Jetson) -> list[tuple[str, str, int]]:
        board = machine(wanted)
        found = openings_of(Topology((board,), ()), board)
        return [(x.match, x.protocol, x.number) for x in found if x.comment.startswith("jetson")]

    assert openings(SETTINGS) == [('iifname "l4tbr0" ', "udp", 67)]
    assert openings(settings(usb_device_mode=False)) == []


def test_the_link_that_a_host_is_reached_over_is_not_ended() -> None:
    off = settings(usb_device_mode=False)
    over_usb = machine(off, "192.168.55.1")
    (conflict,) = off.conflicts(over_usb, Topology((over_usb,), ()))
    assert conflict.what == (
        "is reached at 192.168.55.1, over the USB link that usb_device_mode=False ends"
    )
    for fine in (machine(off), machine(SETTINGS, "192.168.55.1")):
        assert fine.settings["jetson"].conflicts(fine, Topology((fine,), ())) == ()
