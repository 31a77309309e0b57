"""Drills: newest snapshots are restored into a scratch folder, and used as their roles would."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import fetching
from .configuration import CACHE, Configuration, Failed, Job
from .place import insist_on_mount
from .record import Record
from .restic import Restic

LIMIT_SECONDS = 900
DRILL = "drill-"
"""How scratch folders begin; a drill that was killed leaves its own."""


def drill_all(configuration: Configuration, record: Record, damaged: bool = False) -> None:
    """Rehearse every job; Failed with all that could not be used.

    With `damaged` each file is spoilt before it is used: a rehearsal that succeeds then is blind.
    """
    insist_on_mount(configuration)
    for left in CACHE.glob(f"{DRILL}*"):
        fetching.discard(left)
    repository = Restic(configuration, record)
    repository.open()
    drill = _control if damaged else _drill
    reasons = [reason for job in configuration.jobs for reason in drill(repository, job)]
    if reasons:
        raise Failed("\n".join(reasons))
    if not damaged:
        record.succeeded("drill")


def _drill(repository: Restic, job: Job) -> Iterator[str]:
    began = time.monotonic()
    try:
        with _restored(repository, job) as folder:
            said = _amiss(job, folder)
    except Failed as failed:
        said = str(failed)
    if said:
        yield f"{job.what}: its snapshot cannot be used: {said}"
    else:
        print(f"{job.what}: its snapshot can be used, after {time.monotonic() - began:.1f} s")


def _control(repository: Restic, job: Job) -> Iterator[str]:
    with _restored(repository, job) as folder:
        if not _spoilt(folder):
            print(f"{job.what}: holds no file yet")
        elif not job.drill:
            yield f"{job.what}: its role has no drill"
        elif said := _amiss(job, folder):
            print(f"{job.what}: its drill refused a spoilt copy: {said}")
        else:
            yield f"{job.what}: its drill did not notice that every file was spoilt"


@contextmanager
def _restored(repository: Restic, job: Job) -> Iterator[Path]:
    # Roles use what is theirs with their own accounts, which the folders above have to let through.
    CACHE.mkdir(parents=True, exist_ok=True)
    CACHE.chmod(0o711)
    folder = Path(tempfile.mkdtemp(prefix=DRILL, dir=CACHE))
    try:
        folder.chmod(0o711)
        fetching.fetch(repository, fetching.snapshot(repository, job.what), folder)
        folder.chmod(0o711)
        fetching.present(job, folder)
        yield folder
    finally:
        fetching.discard(folder)


def _amiss(job: Job, folder: Path) -> str:
    """What a drill complains of; empty where it is content, and left nothing running."""
    try:
        done = subprocess.run(
            ["sh", "-e", "-c", job.drill],
            env={**os.environ, "RESTORED": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd="/",
            timeout=LIMIT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"its drill takes longer than {LIMIT_SECONDS} s"
    if done.returncode != 0:
        last = done.stdout.strip().splitlines()[-3:]
        return " / ".join(last) or f"its drill ended with {done.returncode}"
    left = _processes(folder)
    return f"its drill left processes behind: {left}" if left else ""


def _processes(folder: Path) -> str:
    """The processes that have `folder` in their command line, or run in it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode(errors="replace")
            if str(folder) in words or os.readlink(process / "cwd").startswith(str(folder)):
                found.append(words.replace("\0", " ").strip())
        except OSError:
            continue  # It ended meanwhile.
    return ", ".join(found)


def _spoilt(folder: Path) -> int:
    """Write over the beginning of every file and cut it in two; how many there were."""
    count = 0
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.stat().st_size:
            os.truncate(path, path.stat().st_size // 2)
            with path.open("r+b") as file:
                file.write(b"spoilt")
            count += 1
    return count
