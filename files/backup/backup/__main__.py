"""`ai-idp-backup`: what the timers of this host run, and what a person may ask for by hand."""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from . import drills, restoring, sending
from .configuration import ETC, STATE, TEXTFILES, Configuration, Failed, load
from .place import insist_on_mount
from .record import Record
from .restic import LACKS_FILES, Restic


def main(arguments: Sequence[str] | None = None) -> int:
    os.umask(0o077)
    options = _parser().parse_args(arguments)
    try:
        configuration = load(options.configuration)
        if options.work == "validate":
            return 0
        record = Record(configuration, STATE / "record.json", TEXTFILES / "ai_idp_backup.prom")
        if options.work == "tell":
            # It waits for nobody: a first backup may take hours, and a roll-out asks for this.
            record.tell()
            return 0
        with _alone():
            _do(options, configuration, record)
    except Failed as failed:
        print(f"backup: {failed}", file=sys.stderr)
        return 1
    return 0


def _do(options: argparse.Namespace, configuration: Configuration, record: Record) -> None:
    if options.work == "run":
        sending.send_all(configuration, record, options.as_they_are)
    elif options.work == "mirror":
        sending.mirror_all(configuration, record)
    elif options.work == "check":
        sending.check(configuration, record)
    elif options.work == "drill":
        drills.drill_all(configuration, record, options.damaged)
    elif options.work == "restore":
        restoring.restore(configuration, record, options.what, options.snapshot)
    elif options.work == "recover":
        restoring.recover(options.at_boot)
    else:
        _show(configuration, record)


def _show(configuration: Configuration, record: Record) -> None:
    insist_on_mount(configuration)
    repository = Restic(configuration, record)
    repository.open()
    for job in configuration.jobs:
        for snapshot in repository.snapshots(job.what):
            lacks = ", lacks files" if LACKS_FILES in snapshot["tags"] else ""
            print(f"{snapshot['short_id']}  {str(snapshot['time'])[:19]}  {job.what}{lacks}")


@contextmanager
def _alone() -> Iterator[None]:
    """One at a time on this host; the others wait."""
    STATE.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (STATE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ai-idp-backup", description=__doc__)
    parser.add_argument("--configuration", type=Path, default=ETC / "backup.json")
    works = parser.add_subparsers(dest="work", required=True)
    run = works.add_parser("run", help="back up everything now, and forget old snapshots")
    run.add_argument(
        "--as-they-are",
        action="store_true",
        help="on a host that was made anew: without a restore of what it had",
    )
    works.add_parser("mirror", help="copy what can be had again")
    works.add_parser("check", help="read a part of the repository")
    drill = works.add_parser("drill", help="restore into a scratch folder, and use what is there")
    drill.add_argument("--damaged", action="store_true", help="spoil it first: each has to fail")
    restore = works.add_parser("restore", help="put data back in their place")
    restore.add_argument("what", nargs="*", help="names of backups; none: all that have a place")
    restore.add_argument("--snapshot", default="latest", help="an id; else the newest of each")
    recover = works.add_parser("recover", help="take back a restore that was interrupted")
    recover.add_argument("--at-boot", action="store_true", help="stop and start nothing")
    works.add_parser("snapshots", help="show what there is to put back")
    works.add_parser("tell", help="write the metrics")
    works.add_parser("validate", help="read the configuration")
    return parser


if __name__ == "__main__":
    sys.exit(main())
