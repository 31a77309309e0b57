"""Sending: each job's data go to the repository; old snapshots go, and what is there is read."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from . import copies, restoring
from .configuration import Configuration, Failed, Job, Mirror
from .place import insist_on_mount
from .record import Record
from .restic import INCOMPLETE, Restic, summary

ATTEMPTS = 2
"""A file that goes while it is read makes a snapshot incomplete; the next one seldom meets that."""
KEPT_WITHIN = "2d"
"""All of that age stay: one after an accident must not replace that of the night before."""


def send_all(configuration: Configuration, record: Record, as_they_are: bool = False) -> None:
    """Back up every job; one that fails keeps none of the others back. Failed with all reasons.

    Data of a host that was made anew are refused where snapshots of the one before are there: the
    next restore would take the empty ones for the newest. With `as_they_are` they are taken.
    """
    record.tell()
    if restoring.JOURNAL.exists():
        raise Failed(
            "a restore was interrupted, so nothing was backed up; take it back with "
            "`ai-idp-backup recover`, then: systemctl start ai-idp-backup"
        )
    insist_on_mount(configuration)
    repository = Restic(configuration, record)
    repository.open(make=True)
    repository.unlock()
    reasons = []
    for job in configuration.jobs:
        try:
            _insist_on_own(repository, job, as_they_are)
            size = _send(repository, job)
        except Failed as failed:
            reasons.append(str(failed))
        else:
            record.backed_up(job.what, size)
            print(f"{job.what}: {size} bytes are in {configuration.repository}")
    if reasons:
        raise Failed("\n".join(reasons))
    _forget(repository)


def check(configuration: Configuration, record: Record) -> None:
    """Read a part of the repository; restic chooses another part each time."""
    insist_on_mount(configuration)
    repository = Restic(configuration, record)
    repository.open()
    repository.unlock()
    repository.expect("check", f"--read-data-subset={configuration.check_percent}%")
    record.succeeded("check")


def mirror_all(configuration: Configuration, record: Record) -> None:
    """Bring the mirrors up to date; what went here goes there last."""
    insist_on_mount(configuration)
    for mirror in configuration.mirrors:
        _mirror(mirror, record)


def _insist_on_own(repository: Restic, job: Job, as_they_are: bool) -> None:
    if repository.record.owns(job.what):
        return
    there = repository.snapshots(job.what) if job.in_place and not as_they_are else []
    if there:
        raise Failed(
            f"{job.what}: {repository.configuration.repository} has it as of "
            f"{str(there[-1]['time'])[:16]}, and this host never had that; put it back: make "
            f"restore LIMIT={repository.configuration.host} WHAT={job.what}; or, to begin with "
            "what is here now: ai-idp-backup run --as-they-are"
        )
    repository.record.own(job.what)


def _send(repository: Restic, job: Job) -> int:
    """The bytes that the snapshot of `job` holds."""
    with copies.made(job) as paths:
        for _ in range(ATTEMPTS):
            done = repository.run(*_backup(repository.configuration, job, paths))
            if done.returncode != INCOMPLETE:
                break
            repository.mark_incomplete(done)
    if done.returncode != 0:
        raise repository.failure(f"{job.what}: the backup", done)
    return int(summary(done.stdout)["total_bytes_processed"])


def _backup(configuration: Configuration, job: Job, paths: list[str]) -> list[str]:
    excluded = [f"--exclude={path}" for path in copies.left_out(job)]
    host = ("--host", configuration.host, "--tag", job.what)
    return ["backup", "--json", *host, *excluded, "--", *paths]


def _forget(repository: Restic) -> None:
    keep = [
        word
        for period, number in repository.configuration.keep.items()
        for word in (f"--keep-{period}", str(number))
    ]
    host = ("--host", repository.configuration.host, "--group-by", "host,tags")
    within = ("--keep-within", KEPT_WITHIN)
    repository.expect("forget", *host, *within, *keep, "--prune", "--quiet")


def _mirror(mirror: Mirror, record: Record) -> None:
    source = Path(mirror.source)
    if not source.is_dir() or not any(source.iterdir()):
        raise Failed(
            f"{mirror.what}: {mirror.source} is empty or not there, and its mirror stays as it is; "
            "see whether a disk is missing"
        )
    if not mirror.ssh:
        Path(mirror.destination).mkdir(parents=True, exist_ok=True)
    way = ("--rsh", mirror.ssh, "--mkpath") if mirror.ssh else ()
    options = ("-a", "--delete-delay", "--partial", "--stats", *way)
    command = ["rsync", *options, f"{mirror.source}/", f"{mirror.destination}/"]
    environment = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise Failed(f"{mirror.what}: rsync ended with {done.returncode}: {done.stderr.strip()}")
    record.backed_up(mirror.what, _total(done.stdout))


def _total(stats: str) -> int:
    """rsync(1), --stats: `Total file size: 1,234 bytes`."""
    (line,) = (line for line in stats.splitlines() if line.startswith("Total file size:"))
    return int("".join(filter(str.isdigit, line)))
