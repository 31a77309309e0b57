"""Jetson: the board is in its mode, holds what it was told to hold, and tells how it is."""

from __future__ import annotations

import re
import time

import pytest
from testinfra.host import Host

from deploys.jetpack import KNOWN
from deploys.jetson import CLOCKS, METRICS, METRICS_FILE, USB_BRIDGE, Jetson
from deploys.jetson_preflight import USB_UNIT, ZRAM_UNIT
from deploys.node_exporter import NodeExporter
from deploys.topology import Machine

SHOW_ON_FAILURE = (
    "head -n 1 /etc/nv_tegra_release",
    "nvpmodel -q",
    f"journalctl --unit {METRICS} --unit {CLOCKS} --lines 20 --no-pager",
    f"cat {METRICS_FILE}",
)
SAMPLE = re.compile(r"^(jetson_\w+)(?:\{(\w+)=\"([^\"]*)\".*\})? (\S+)$", re.MULTILINE)


@pytest.fixture
def samples(host: Host, machine: Machine) -> list[tuple[str, str, str, float]]:
    """Metric, first label, its value, and the number: as Prometheus is told them."""
    exporter = machine.settings["node_exporter"]
    assert isinstance(exporter, NodeExporter)
    url = f"{machine.url(exporter.port)}/metrics"
    text = host.check_output(f"curl --noproxy '*' --fail --silent --show-error {url}")
    return [(name, label, of, float(value)) for name, label, of, value in SAMPLE.findall(text)]


def values(samples: list[tuple[str, str, str, float]], metric: str) -> dict[str, float]:
    return {of: value for name, _, of, value in samples if name == metric}


def test_the_release_is_a_known_one(host: Host) -> None:
    line = host.check_output("head -n 1 /etc/nv_tegra_release")
    assert any(line.startswith(f"# R{major} ") for major in KNOWN)


def test_the_board_is_in_its_power_mode(host: Host, settings: Jetson) -> None:
    said = host.check_output("nvpmodel -q").splitlines()
    assert f"NV Power Mode: {settings.power_mode}" in said


def test_the_clocks_are_held_or_let_go(host: Host, settings: Jetson) -> None:
    shown = host.check_output("jetson_clocks --show")
    clocks = re.search(r"^GPU MinFreq=(\d+) MaxFreq=(\d+)", shown, re.MULTILINE)
    assert clocks
    assert (clocks[1] == clocks[2]) is settings.jetson_clocks
    assert host.service(CLOCKS).is_running is settings.jetson_clocks


def test_a_boot_starts_the_desktop_only_where_it_is_wanted(host: Host, settings: Jetson) -> None:
    target = "graphical" if settings.desktop else "multi-user"
    assert host.check_output("systemctl get-default") == f"{target}.target"


def test_the_usb_link_is_on_or_off(host: Host, settings: Jetson) -> None:
    unit = host.service(USB_UNIT)
    assert unit.is_enabled is settings.usb_device_mode
    assert unit.is_running is settings.usb_device_mode
    if not settings.usb_device_mode:
        assert not host.interface(USB_BRIDGE).exists


def test_swap_is_as_it_was_told_to_be(host: Host, settings: Jetson) -> None:
    swaps = host.file("/proc/swaps").content_string
    assert (f"{settings.swap_file} " in swaps) is bool(settings.swap_file_gib)
    if settings.zram is not None:
        assert host.service(ZRAM_UNIT).is_enabled is settings.zram
    if settings.zram is False:
        assert "/dev/zram" not in swaps


def test_prometheus_is_told_plausible_temperatures_and_powers(
    samples: list[tuple[str, str, str, float]],
) -> None:
    temperatures = values(samples, "jetson_temperature_celsius")
    assert "tj" in temperatures
    assert all(0 < value < 110 for value in temperatures.values())
    powers = values(samples, "jetson_power_watts")
    assert powers
    assert all(0 <= value < 100 for value in powers.values())
    assert 0 <= values(samples, "jetson_gpu_load_ratio")[""] <= 1


def test_prometheus_is_told_the_mode(
    samples: list[tuple[str, str, str, float]], settings: Jetson
) -> None:
    assert values(samples, "jetson_power_mode_info") == {settings.power_mode: 1}


def test_the_last_sample_is_a_fresh_one(
    host: Host, samples: list[tuple[str, str, str, float]], settings: Jetson
) -> None:
    (last,) = values(samples, "jetson_last_sample_timestamp_seconds").values()
    now = float(host.check_output("date +%s"))
    assert now - last < 3 * settings.interval_seconds + 5
    assert abs(now - time.time()) < 60


def test_metrics_run_and_start_with_the_board(host: Host) -> None:
    assert host.service(METRICS).is_running
    assert host.service(METRICS).is_enabled
