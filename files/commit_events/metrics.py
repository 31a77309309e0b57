"""Metrics: what node exporter says of the queue."""

from __future__ import annotations

import os
import time
from pathlib import Path

from .queue import Queue

HELP = {
    "waiting": "Commits that are still to be told to n8n.",
    "untagged": "Of these, notes that wait for the model.",
    "oldest_seconds": "How long the oldest commit has waited that was never told.",
    "rejected": "Commits that were set aside because n8n, or the queue, took them for none.",
    "last_run_timestamp_seconds": "When the queue was last worked on.",
}


def write(path: Path, queue: Queue) -> None:
    """Have the metrics of a queue at `path`."""
    waiting = queue.waiting()
    now = time.time()
    values = {
        "waiting": len(waiting),
        "untagged": sum(1 for one in waiting if one.untagged),
        "oldest_seconds": max((now - one.since for one in waiting if not one.untagged), default=0),
        "rejected": queue.rejected(),
        "last_run_timestamp_seconds": now,
    }
    lines = [
        line
        for name, value in values.items()
        for line in (
            f"# HELP ai_idp_commit_events_{name} {HELP[name]}",
            f"# TYPE ai_idp_commit_events_{name} gauge",
            f"ai_idp_commit_events_{name} {value:.0f}",
        )
    ]
    beside = path.with_name(f".{path.name}")
    beside.write_text("".join(f"{line}\n" for line in lines))
    beside.chmod(0o644)
    os.replace(beside, path)
