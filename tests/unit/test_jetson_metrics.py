"""The Jetson as metrics: what real boards print, and no number that none of them printed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from dashboards.metrics import METRICS
from files.jetson import jetson_metrics as program
from files.jetson.jetson_metrics import UnreadableError
from tests.processes import started

# Recorded on real boards and published by their owners; who did so is named with each.
# GinoSibello/aeye-yolo or vivh3/edge-inference-pipeline, tests of tools/summarize_tegrastats.py:
# Jetson Orin Nano Super, r36.4.3.
NANO_R36 = (
    "10-08-2026 04:35:02 RAM 6712/7620MB (lfb 12x4MB) SWAP 369/3810MB (cached 8MB) "
    "CPU [38%@1497,2%@729,1%@729,0%@729,1%@729,0%@729] EMC_FREQ 61%@2133 "
    "GR3D_FREQ 99%@[612] NVDEC off NVJPG off VIC off OFA off APE 200 "
    "cpu@57.125C soc2@55.093C soc0@56.625C gpu@58.625C tj@58.312C soc1@55.937C "
    "VDD_IN 16321mW/11204mW VDD_CPU_GPU_CV 7104mW/4944mW VDD_SOC 3120mW/3659mW"
)
# An environment report of a Jetson Orin Nano Engineering Reference Developer Kit Super, r39.2.1
# (GCID 46758480), of 2026-09-19.
NANO_R39 = (
    "09-19-2026 13:33:03 RAM 2845/7486MB (lfb 33x4MB) CPU [1%@729,0%@729,0%@729,0%@729,0%@729,"
    "0%@729] EMC_FREQ 3%@665 GR3D_FREQ 0%@[305] NVDEC0 off NVJPG0 off NVJPG1 off VIC off OFA off "
    "APE 200 cpu@45.375C/45.812C soc2@44.687C/44.843C soc0@46.25C/46.25C gpu@46.562C/46.843C "
    "tj@46.562C/46.843C soc1@46.281C/46.281C VDD_IN 3462mW/3522mW/3582mW "
    "VDD_CPU_GPU_CV 442mW/483mW/523mW VDD_SOC 1127mW/1127mW/1127mW"
)
# lesomnus/tegra-exporter, stats/parse_test.go: Jetson AGX Orin, four cores off.
AGX_CORES_OFF = (
    "07-31-2026 14:58:05 RAM 4714/62878MB (lfb 7x4MB) SWAP 0/2048MB (cached 0MB) "
    "CPU [78%@1728,33%@1728,46%@1728,55%@1728,49%@729,48%@729,37%@729,57%@729,off,off,off,off] "
    "EMC_FREQ 2%@2133 GR3D_FREQ 0%@[0,0] NVENC0 off NVDEC0 off NVJPG0 off NVJPG1 off VIC off "
    "OFA off NVDLA0 off NVDLA1 off PVA0_FREQ off APE 174 cpu@50.718C/50.718C soc2@47.656C/47.656C "
    "soc0@47.156C/47.156C tj@50.718C/50.718C soc1@49C/49C VDD_GPU_SOC 2265mW/2265mW/2265mW "
    "VDD_CPU_CV 2643mW/2643mW/2643mW VIN_SYS_5V0 4722mW/4722mW/4722mW"
)
# rbonghi/jetson_stats, pull request 894: Jetson AGX Orin Developer Kit, r39.2.
AGX_R39 = (
    "07-25-2026 09:08:28 RAM 20642/62817MB (lfb 1x2MB) CPU [23%@2201,10%@2201,4%@2201,14%@2201,"
    "30%@2201,18%@2201,10%@2201,10%@2201,33%@2201,7%@2201,5%@2201,27%@2201] EMC_FREQ 3%@3199 "
    "GR3D_FREQ 12%@[1300,1300] NVENC0 off NVDEC0 off NVJPG0 off NVJPG1 off VIC off OFA off "
    "NVDLA0 off NVDLA1 off PVA0_FREQ off APE 174 cpu@52.968C/52.968C soc2@48.406C/48.406C "
    "soc0@49.531C/49.531C gpu@47.625C/47.625C VDD_GPU_SOC 5139mW/5139mW/5139mW "
    "VDD_CPU_CV 3268mW/3268mW/3268mW VIN_SYS_5V0 5500mW/5500mW/5500mW"
)
# A Go package tegrastats, its test of temperatures: Jetson AGX Orin, r35, with sensors that are off
# and channels that are not connected.
AGX_SENSORS_OFF = (
    "04-11-2025 10:36:27 RAM 4321/62801MB (lfb 1759x4MB) SWAP 19/31400MB (cached 0MB) "
    "CPU [0%@729,0%@729,0%@729,0%@729,0%@729,0%@729,0%@729,0%@729,0%@729,0%@729,0%@729,0%@729] "
    "EMC_FREQ 0%@2133 GR3D_FREQ 0%@[0,0] VIC_FREQ 729 APE 174 CV0@-256C CPU@44.562C Tboard@32C "
    "SOC2@40.093C Tdiode@33C SOC0@41.093C CV1@-256C GPU@-256C tj@44.343C SOC1@41.25C CV2@-256C "
    "VDD_GPU_SOC 2340mW/2340mW VDD_CPU_CV 390mW/390mW VIN_SYS_5V0 4025mW/4025mW NC 0mW/0mW "
    "VDDQ_VDD2_1V8AO 301mW/301mW NC 0mW/0mW"
)
# rbonghi/jetson_stats, issue 624: Jetson Orin NX in its super mode, r36, decoder at work.
NX_R36 = (
    "05-15-2025 18:30:28 RAM 6982/7620MB (lfb 5x1MB) SWAP 2640/16384MB (cached 202MB) "
    "CPU [97%@1984,95%@1984,95%@1984,91%@1984,88%@1984,93%@247] EMC_FREQ 18%@3199 "
    "GR3D_FREQ 84%@[713] NVENC 1%@115 NVDEC 40%@115 NVJPG off NVJPG1 off VIC 31%@115 OFA off "
    "NVDLA0 off PVA0_FREQ off APE 174 cv0@63.031C cpu@65.562C soc2@64.156C soc0@63.031C "
    "cv1@62.937C gpu@63.5C tj@65.562C soc1@64.718C cv2@60.875C VDD_IN 17946mW/15710mW "
    "VDD_CPU_GPU_CV 8896mW/7585mW VDD_SOC 3923mW/3515mW"
)
# lesomnus/tegra-exporter, stats/parse_test.go: Jetson AGX Thor, r38.4.
THOR = (
    "05-17-2026 10:00:32 RAM 4208/125773MB (lfb 31x4MB) SWAP 0/2048MB (cached 0MB) CPU [1%@972,"
    "0%@972,0%@972,0%@972,1%@972,0%@972,1%@972,1%@972,0%@972,0%@972,3%@972,0%@972,0%@972,1%@972] "
    "EMC_FREQ 0%@665 GR3D_FREQ @[0,0,0] NVENC0_FREQ @0 NVENC1_FREQ @0 NVDEC0_FREQ @0 "
    "NVDEC1_FREQ @0 NVJPG0_FREQ @0 VIC off OFA_FREQ @0 PVA0_FREQ off APE 300 cpu@34.468C tj@34.5C "
    "soc012@33.781C soc345@34.5C VDD_GPU 0mW/0mW VDD_CPU_SOC_MSS 4165mW/4165mW "
    "VIN_SYS_5V0 4126mW/4126mW"
)
# A unit test of a test stand's hardware: the real answer of a Jetson Orin Nano, r36.4.
MODE = "NV Power Mode: 25W\n1\n"


def test_an_orin_nano_of_r36() -> None:
    found = program.parse(NANO_R36)
    assert found.temperatures["tj"] == 58.312
    assert set(found.temperatures) == {"cpu", "soc0", "soc1", "soc2", "gpu", "tj"}
    assert found.powers == {"VDD_IN": 16.321, "VDD_CPU_GPU_CV": 7.104, "VDD_SOC": 3.12}
    assert (found.load, found.hertz) == (0.99, 612_000_000)


def test_of_r39_the_present_values_count_and_no_average_or_maximum() -> None:
    found = program.parse(NANO_R39)
    assert found.temperatures["cpu"] == 45.375
    assert found.powers == {"VDD_IN": 3.462, "VDD_CPU_GPU_CV": 0.442, "VDD_SOC": 1.127}
    assert (found.load, found.hertz) == (0.0, 305_000_000)


def test_the_faster_of_two_clusters_counts() -> None:
    assert program.parse(AGX_R39.replace("1300,1300", "1300,1295")).hertz == 1_300_000_000


@pytest.mark.parametrize("line", [NANO_R36, NANO_R39, AGX_CORES_OFF, AGX_R39, NX_R36])
def test_each_recorded_orin_tells_plausible_values(line: str) -> None:
    found = program.parse(line)
    assert all(20 < value < 100 for value in found.temperatures.values())
    assert all(0 <= value < 60 for value in found.powers.values())
    assert len(found.powers) == 3
    assert found.load is not None


def test_what_is_switched_off_or_not_connected_has_no_number() -> None:
    found = program.parse(AGX_SENSORS_OFF)
    assert set(found.temperatures) == {"CPU", "Tboard", "SOC2", "Tdiode", "SOC0", "tj", "SOC1"}
    assert set(found.powers) == {"VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0", "VDDQ_VDD2_1V8AO"}


def test_a_load_that_is_not_told_is_not_nought() -> None:
    found = program.parse(THOR)
    assert found.load is None
    assert "jetson_gpu_load_ratio" not in program.text(found, MODE, 0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (NANO_R36, "tegrastats: command not permitted", "no line of tegrastats"),
        ("GR3D_FREQ 99%@[612]", "", "no line of tegrastats"),
        ("GR3D_FREQ 99%@[612]", "GR3D_FREQ 101%@[612]", "`101%@[612]` is no load"),
        ("GR3D_FREQ 99%@[612]", "GR3D_FREQ busy", "`busy` is no load"),
        ("tj@58.312C", "tj@58,312C", "`tj@58,312C` is no temperature"),
        ("tj@58.312C", "tj@N/AC", "`tj@N/AC` is no temperature"),
        ("VDD_IN 16321mW/11204mW", "VDD_IN 16.3mW", "`16.3mW` is no power"),
    ],
)
def test_what_cannot_be_read_is_an_error_and_no_number(old: str, new: str, message: str) -> None:
    with pytest.raises(UnreadableError) as error:
        program.parse(NANO_R36.replace(old, new))
    assert message in str(error.value)


def test_the_metrics_as_they_are_written() -> None:
    written = program.text(program.parse(NANO_R39), MODE, 1_790_000_000.25)
    assert 'jetson_temperature_celsius{zone="tj"} 46.562\n' in written
    assert 'jetson_power_watts{rail="VDD_IN"} 3.462\n' in written
    assert "jetson_gpu_load_ratio 0\n" in written
    assert "jetson_gpu_frequency_hertz 305000000\n" in written
    assert 'jetson_power_mode_info{mode="25W"} 1\n' in written
    assert "jetson_last_sample_timestamp_seconds 1790000000.250\n" in written


def test_every_metric_is_known_to_the_dashboards() -> None:
    written = program.text(program.parse(NANO_R39), MODE, 0)
    names = {line.split()[2] for line in written.splitlines() if line.startswith("# TYPE")}
    assert names == {name for name in METRICS if name.startswith("jetson_")}


def test_warnings_before_the_mode_do_not_matter() -> None:
    written = program.text(program.parse(NANO_R39), f"NVPM WARN: fan mode is not set\n{MODE}", 0)
    assert 'mode="25W"' in written


def test_an_unknown_mode_has_no_series() -> None:
    assert "power_mode" not in program.text(program.parse(NANO_R39), "", 0)


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """A folder for the PATH of a program that is to find a board."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "nvpmodel").write_text(f"#!/bin/sh\nprintf '{MODE}'\n")
    return folder


def sampled(
    board: Path, tegrastats: str, seconds: str = "0.05"
) -> AbstractContextManager[subprocess.Popen[str]]:
    (board / "tegrastats").write_text(f"#!/bin/sh\n{tegrastats}\n")
    for tool in board.iterdir():
        tool.chmod(0o755)
    return started(
        [sys.executable, program.__file__, str(board.parent / "jetson.prom"), seconds],
        env={**os.environ, "PATH": f"{board}:{os.environ['PATH']}"},
        stderr=subprocess.PIPE,
    )


def wait_for(file: Path) -> str:
    deadline = time.monotonic() + 10
    while not file.exists():
        assert time.monotonic() < deadline, "nothing was written"
        time.sleep(0.02)
    return file.read_text()


def test_it_writes_each_sample_and_takes_the_file_along_when_it_is_stopped(board: Path) -> None:
    samples = f'echo "$*" >"{board}/asked"; while :; do echo "{NANO_R39}"; sleep 0.05; done'
    file = board.parent / "jetson.prom"
    with sampled(board, samples) as running:
        assert 'zone="tj"} 46.562' in wait_for(file)
        assert file.stat().st_mode & 0o777 == 0o644
        assert (board / "asked").read_text() == "--interval 50\n"
        running.send_signal(signal.SIGTERM)
        _, said = running.communicate(timeout=10)
    assert (running.returncode, said) == (0, "")
    assert not file.exists()


@pytest.mark.parametrize(
    ("then", "message"),
    [
        ("echo what is this", "this is no line of tegrastats: what is this\n"),
        ("exit 0", "tegrastats has ended\n"),
    ],
)
def test_when_samples_end_so_does_it_and_no_old_number_stays(
    board: Path, then: str, message: str
) -> None:
    file = board.parent / "jetson.prom"
    with sampled(board, f'echo "{NANO_R39}"; sleep 0.3; {then}') as running:
        wait_for(file)
        _, said = running.communicate(timeout=10)
    assert (running.returncode, said) == (1, message)
    assert not file.exists()


def test_a_tegrastats_that_falls_silent_is_ended(
    board: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (board / "tegrastats").write_text(f'#!/bin/sh\necho "{NANO_R39}"\nexec sleep 60\n')
    (board / "tegrastats").chmod(0o755)
    monkeypatch.setenv("PATH", f"{board}:{os.environ['PATH']}")
    found = program.lines(0.05, patience=0.2)
    assert next(found) == NANO_R39
    with pytest.raises(UnreadableError, match=r"tegrastats has said nothing for 0\.2 s"):
        next(found)
