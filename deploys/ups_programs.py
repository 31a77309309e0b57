"""UPS programs: what stops a host in order and brings it back, and what writes the metrics."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from deploys.node_exporter import TEXTFILES
from deploys.rendering import render
from deploys.topology import Machine
from operations.entries import Entry, File

PROGRAMS = Path(__file__).parent.parent / "files" / "ups"
LIBRARY = "/usr/local/lib/ai-idp"
SHUTDOWN, METRICS = f"{LIBRARY}/ups_shutdown.py", f"{LIBRARY}/ups_metrics.py"
PLAN = "/etc/ai-idp/ups-shutdown.json"
UNITS = "/etc/systemd/system"
RESUME, TIMER = "ai-idp-ups-resume.service", "ai-idp-ups-metrics.timer"


def shutdown_files(plan: Mapping[str, object]) -> list[Entry]:
    """What stops this host by that plan, and what brings its containers back."""
    return [
        File(SHUTDOWN, (PROGRAMS / "ups_shutdown.py").read_bytes(), mode="0755"),
        File(PLAN, (json.dumps(plan, indent=2) + "\n").encode()),
        File(f"{UNITS}/{RESUME}", render(f"ups/{RESUME}.j2", program=SHUTDOWN)),
    ]


def shutdown_command(plan: Mapping[str, object]) -> str:
    """What upsmon runs as root: `poweroff` comes whatever becomes of the rest."""
    limits = ("stacks_seconds", "wait_seconds", "guests_seconds")
    seconds = 30 + sum(int(str(plan[name])) for name in limits)
    return f"timeout --kill-after=5 {seconds} python3 -B {SHUTDOWN} run; systemctl poweroff"


def metrics_files(clients: Iterable[Machine]) -> list[Entry]:
    """What asks, on the server, how the UPS is and whether its clients are logged in."""
    values = {
        "program": METRICS,
        "textfiles": TEXTFILES,
        "arguments": " ".join(
            f"{client.name}={client.address}" for client in clients if not client.may_be_absent
        ),
    }
    return [
        File(METRICS, (PROGRAMS / "ups_metrics.py").read_bytes(), mode="0755"),
        *(
            File(f"{UNITS}/{name}", render(f"ups/{name}.j2", **values))
            for name in ("ai-idp-ups-metrics.service", TIMER)
        ),
    ]
