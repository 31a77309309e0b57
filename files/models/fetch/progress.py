"""Progress: a line every few seconds that says how far, how fast, and how long yet."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from pathlib import Path

from .hub import Job
from .wording import duration, say, scaled

REPORT_SECONDS = 5
SAMPLES = 6
"""Reports that a speed is taken over: the client writes in pieces of 10 MB."""


def watch(jobs: list[Job], ended: threading.Event) -> None:
    """Say every few seconds how far it is; nobody listening any more ends the download."""
    total = sum(job.stated.size for job in jobs)
    samples = deque([(time.monotonic(), 0)], maxlen=SAMPLES)
    while not ended.wait(REPORT_SECONDS):
        now, came = time.monotonic(), sum(arrived(job) for job in jobs)
        begun, before = samples[0]
        samples.append((now, came))
        under_way = [job for job in jobs if job.state in ("coming", "being verified")]
        try:
            if under_way:
                say(progress(under_way, came, total, max(0, came - before) / (now - begun)))
        except OSError:
            os._exit(1)


def arrived(job: Job) -> int:
    """Bytes of the file that are on the disk."""
    if job.state == "waiting":
        return 0
    if job.state in ("being verified", "done"):
        return int(job.stated.size)
    folder = job.model.incoming / ".cache" / "huggingface" / "download"
    etag = job.stated.lfs.sha256 if job.stated.lfs else job.stated.blob_id
    sizes = [size_of(path) for path in folder.rglob(f"*.{etag}.*incomplete")]
    return max(sizes, default=0)


def size_of(path: Path) -> int:
    """Bytes that were written; the client may make room for more than came yet."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return 0
    return min(status.st_size, 512 * status.st_blocks)


def progress(under_way: list[Job], came: int, total: int, speed: float) -> str:
    """One line: the models, how much of all of them, how fast, how long yet."""
    names = ", ".join(dict.fromkeys(job.model.name for job in under_way))
    scale, unit = scaled(total)
    text = f"{names}: {came / scale:.2f} of {total / scale:.2f} {unit}"
    if not any(job.state == "coming" for job in under_way):
        return f"{text}, being verified"
    left = f", {duration((total - came) / speed)} left" if speed else ""
    return f"{text}, {speed / 1e6:.1f} MB/s{left}"
