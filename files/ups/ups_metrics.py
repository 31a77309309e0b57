#!/usr/bin/python3
"""Writes what the UPS says as a text file for the node exporter, under nut_exporter's names.

usage: ups_metrics.py FILE [HOST=ADDRESS ...]    the hosts whose monitors should be logged in

A UPS that cannot be read leaves its series out. Managed by ai-idp from files/ups/ups_metrics.py.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

UPS = "ups@127.0.0.1"
PREFIX = "network_ups_tools"
FLAGS = (
    *("ALARM", "BOOST", "BYPASS", "CAL", "CHRG", "DISCHRG", "FSD", "LB", "OB", "OFF", "OL"),
    *("OVER", "RB", "SD", "TRIM"),
)
"""All that NUT knows as parts of ups.status (docs/new-drivers.txt), and FSD of upsd."""
NUMBERS = (
    *("battery.charge", "battery.runtime", "battery.voltage", "input.voltage", "ups.load"),
    *("ups.power.nominal", "ups.realpower", "ups.realpower.nominal", "ups.temperature"),
)


def main(arguments: Sequence[str]) -> int:
    file, *hosts = arguments
    expected = dict(part.partition("=")[::2] for part in hosts)
    write(Path(file), text(variables(asked(UPS)), expected, asked("-c", UPS).split()))
    return 0


def asked(*arguments: str) -> str:
    """The answer of `upsc`; empty where it has none."""
    try:
        done = subprocess.run(["upsc", *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def variables(answer: str) -> dict[str, str]:
    """The variables of a UPS: ``{"ups.status": "OL CHRG"}``."""
    rows = (line.partition(": ") for line in answer.splitlines())
    found = {name: value.strip() for name, mark, value in rows if mark}
    # The driver has said nothing yet (docs/new-drivers.txt).
    return {} if "WAIT" in found.get("ups.status", "").split() else found


def text(found: Mapping[str, str], expected: Mapping[str, str], connected: Collection[str]) -> str:
    """The metrics in Prometheus' text format."""
    lines = _family("ups_status", [_flag(name, found) for name in FLAGS if "ups.status" in found])
    for name in NUMBERS:
        value = _number(found.get(name, ""))
        metric = name.replace(".", "_")
        lines += _family(metric, [f"{PREFIX}_{metric} {value}"] if value else [])
    rows = [
        f'ai_idp_ups_client_connected{{host="{host}"}} {int(address in connected)}'
        for host, address in expected.items()
        if found
    ]
    lines += ["# TYPE ai_idp_ups_client_connected gauge", *rows] if rows else []
    return "".join(f"{line}\n" for line in lines)


def _family(metric: str, rows: list[str]) -> list[str]:
    return [f"# TYPE {PREFIX}_{metric} gauge", *rows] if rows else []


def _flag(name: str, found: Mapping[str, str]) -> str:
    is_set = int(name in found["ups.status"].split())
    return f'{PREFIX}_ups_status{{flag="{name}"}} {is_set}'


def _number(text: str) -> str:
    try:
        return f"{float(text):g}"
    except ValueError:
        return ""


def write(file: Path, content: str) -> None:
    """In one step: the exporter never reads half of it."""
    new = file.with_suffix(".new")
    new.write_text(content)
    new.chmod(0o644)
    new.rename(file)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
