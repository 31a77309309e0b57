#!/usr/bin/python3
"""Writes what tegrastats says of a Jetson as a text file for the node exporter, until stopped.

usage: jetson_metrics.py FILE SECONDS    a sample each SECONDS

Memory is left to the node exporter: graphics and processor share it. Without a sample for a while,
and after a line that it cannot read, it ends with an error; whenever it ends the file goes, so that
nobody takes old numbers for present ones. Managed by ai-idp from files/jetson/jetson_metrics.py.
"""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import NoReturn

MODE_SECONDS = 30
"""How often the power mode is asked for."""
SILENT_SAMPLES = 5
"""So many samples late, tegrastats is taken for stuck."""
SENSOR_OFF = -256.0
"""What a sensor reads whose part of the chip has no power."""
NOT_CONNECTED = "NC"
"""How tegrastats names a channel of the power monitor that measures nothing."""

# Of r39 a highest value since its start follows the present temperature, and the highest power the
# average: "cpu@45.8C/46.1C", "VDD_IN 3462mW/3522mW/3582mW"; up to r38 there is neither.
TEMPERATURE = re.compile(r"(\w+)@(-?\d+(?:\.\d+)?)C(?:/-?\d+(?:\.\d+)?C)?")
POWER = re.compile(r"(\d+)mW/\d+mW(?:/\d+mW)?")
# "0%@[305]", with a clock for each cluster "12%@[1300,1300]", of old releases "0%@305" and "0%"; a
# Thor, whose load tegrastats does not know, has the clocks alone: "@[1574,1574,1574]".
GRAPHICS = re.compile(r"(?:(\d+)%)?(?:@\[?(\d+(?:,\d+)*)\]?)?")
MODE = re.compile(r"^NV Power Mode: (\S+)$", re.MULTILINE)


class UnreadableError(Exception):
    """What tegrastats printed is none of the forms that are known."""


@dataclass(frozen=True)
class Sample:
    """Degrees Celsius by zone, watts by rail; `load` in 0..1 and `hertz` None where untold."""

    temperatures: Mapping[str, float]
    powers: Mapping[str, float]
    load: float | None
    hertz: int | None


def main(arguments: Sequence[str]) -> int:
    file, seconds = Path(arguments[0]), float(arguments[1])
    signal.signal(signal.SIGTERM, _stop)
    try:
        mode, asked = "", -float(MODE_SECONDS)
        with closing(lines(seconds, SILENT_SAMPLES * seconds + 5)) as printed:
            for line in printed:
                if time.monotonic() - asked >= MODE_SECONDS:
                    mode, asked = power_mode(), time.monotonic()
                write(file, text(parse(line), mode, time.time()))
        print("tegrastats has ended", file=sys.stderr)
    except (UnreadableError, OSError) as error:
        print(error, file=sys.stderr)
    finally:
        file.unlink(missing_ok=True)
    return 1


def _stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(0)


def lines(seconds: float, patience: float) -> Generator[str]:
    """What tegrastats prints, a line each `seconds`; UnreadableError when none comes any more."""
    command = ["tegrastats", "--interval", str(round(seconds * 1000))]
    # Unbuffered: what Python had read ahead would not wake the poll.
    with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0) as running:
        assert running.stdout is not None
        try:
            yield from _lines(running.stdout.fileno(), patience)
        finally:
            running.kill()


def _lines(source: int, patience: float) -> Generator[str]:
    rest = b""
    while True:
        if not select.select([source], [], [], patience)[0]:
            raise UnreadableError(f"tegrastats has said nothing for {patience:g} s")
        read = os.read(source, 65536)
        if not read:
            return
        *whole, rest = (rest + read).split(b"\n")
        yield from (line.decode(errors="replace") for line in whole if line.strip())


def parse(line: str) -> Sample:
    """One line of tegrastats; UnreadableError where it is none, or tells a number otherwise."""
    words = re.sub(r"\[[^\]]*\]", lambda found: found[0].replace(" ", ""), line).split()
    temperatures = dict(_temperature(word, line) for word in words if _is_temperature(word))
    powers = {
        name: _watts(value, line)
        for name, value in pairwise(words)
        if "mW" in value and name != NOT_CONNECTED
    }
    if "RAM" not in words or "GR3D_FREQ" not in words or not temperatures:
        raise UnreadableError(f"this is no line of tegrastats: {line}")
    load, hertz = _graphics(words[words.index("GR3D_FREQ") + 1 :], line)
    present = {zone: value for zone, value in temperatures.items() if value > SENSOR_OFF}
    return Sample(present, powers, load, hertz)


def _is_temperature(word: str) -> bool:
    return "@" in word and word.endswith("C")


def _temperature(word: str, line: str) -> tuple[str, float]:
    found = TEMPERATURE.fullmatch(word)
    if found is None:
        raise UnreadableError(f"`{word}` is no temperature as tegrastats tells them: {line}")
    return found[1], float(found[2])


def _watts(word: str, line: str) -> float:
    found = POWER.fullmatch(word)
    if found is None:
        raise UnreadableError(f"`{word}` is no power as tegrastats tells it: {line}")
    return int(found[1]) / 1000


def _graphics(words: Sequence[str], line: str) -> tuple[float | None, int | None]:
    word = words[0] if words else ""
    if word == "off":
        return 0.0, 0
    found = GRAPHICS.fullmatch(word)
    if not word or found is None or int(found[1] or 0) > 100:
        raise UnreadableError(f"`{word}` is no load of the graphics unit: {line}")
    clocks = [int(clock) for clock in found[2].split(",")] if found[2] else []
    load = int(found[1]) / 100 if found[1] else None
    return load, max(clocks) * 1_000_000 if clocks else None


def power_mode() -> str:
    """What nvpmodel says of the mode; empty where it says nothing."""
    try:
        done = subprocess.run(["nvpmodel", "-q"], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def text(sample: Sample, mode: str, now: float) -> str:
    """The metrics in Prometheus' text format; what is not known has no series."""
    families = {
        "jetson_temperature_celsius": [
            f'{{zone="{zone}"}} {value:g}' for zone, value in sample.temperatures.items()
        ],
        "jetson_power_watts": [
            f'{{rail="{rail}"}} {value:g}' for rail, value in sample.powers.items()
        ],
        "jetson_gpu_load_ratio": [] if sample.load is None else [f" {sample.load:g}"],
        "jetson_gpu_frequency_hertz": [] if sample.hertz is None else [f" {sample.hertz}"],
        "jetson_power_mode_info": [f'{{mode="{name}"}} 1' for name in MODE.findall(mode)],
        "jetson_last_sample_timestamp_seconds": [f" {now:.3f}"],
    }
    return "".join(
        f"# TYPE {name} gauge\n" + "".join(f"{name}{row}\n" for row in rows)
        for name, rows in families.items()
        if rows
    )


def write(file: Path, content: str) -> None:
    """In one step: the exporter never reads half of it."""
    new = file.with_suffix(".new")
    new.write_text(content)
    new.chmod(0o644)
    new.rename(file)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
