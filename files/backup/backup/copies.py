"""Copies: what cannot be read as it lies, made readable at paths that stay the same."""

from __future__ import annotations

import grp
import json
import os
import pwd
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from .configuration import STATE, Failed, Job

COPIES = STATE / "copies"
OWNERS = "owners.json"
HELD = ".ai-idp-backup"
"""A folder beside those that are held: a hard link cannot leave its mount (link(2), EXDEV)."""


@contextmanager
def made(job: Job) -> Iterator[list[str]]:
    """What restic is to take for `job`; what was made for that is gone afterwards.

    Also that of a run which was killed, before anything is made.
    """
    _remove(job)
    try:
        yield [*_present(job), *_databases(job), *_early(job), *_links(job), _owners()]
    finally:
        _remove(job)


def left_out(job: Job) -> list[str]:
    """Paths that restic must not read where they lie: what changes while it does."""
    databases = [f"{database}{end}" for database in job.databases for end in ("", *SIDECARS)]
    return [*databases, *job.early]


SIDECARS = ("-wal", "-shm", "-journal")
"""What sqlite keeps beside a database (sqlite.org/tempfiles.html)."""


def _present(job: Job) -> list[str]:
    wanted = [*job.paths, *job.databases, *(str(Path(held).parent) for held in job.held)]
    missing = [path for path in wanted if not os.path.lexists(path)]
    if missing:
        raise Failed(
            f"{job.what}: {' and '.join(missing)} is not there; put it back "
            "(docs/runbooks/restore.md), or roll its role out, which makes it"
        )
    return list(job.paths)


def _databases(job: Job) -> list[str]:
    return [str(_copied(job.what, Path(database))) for database in job.databases]


def _copied(what: str, database: Path) -> Path:
    """A copy of a database as of one moment, with its owner and mode."""
    copy = _way(database)
    copy.touch(mode=0o600)
    address = f"file:{database}?mode=rw"
    try:
        with (
            closing(sqlite3.connect(address, uri=True, timeout=60)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
            (said,) = target.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        said = str(error)
    if said != "ok":
        raise Failed(
            f"{what}: {database} could not be copied ({said}); where it is damaged, put the last "
            "good one back (docs/runbooks/restore.md)"
        )
    _like(database, copy)
    return copy


def _way(path: Path) -> Path:
    """Where the copy of `path` goes; the folders to it are as those that it lies in."""
    for folder in reversed(path.parents[:-1]):
        made = COPIES / folder.relative_to("/")
        if not made.exists():
            made.mkdir(parents=True)
            _like(folder, made)
    return COPIES / path.relative_to("/")


def _like(original: Path, copy: Path) -> None:
    found = original.stat()
    os.chown(copy, found.st_uid, found.st_gid)
    copy.chmod(found.st_mode & 0o7777)


def _early(job: Job) -> list[str]:
    made = []
    for pattern in job.early:
        for path in sorted(Path("/").glob(pattern.lstrip("/"))):
            copy = _way(path)
            if path.is_dir():
                shutil.copytree(path, copy, copy_function=_copied_if_there)
                _folders_like(path, copy)
            else:
                _copied_if_there(str(path), str(copy))
            made.append(str(copy))
    return [path for path in made if os.path.lexists(path)]


def _copied_if_there(source: str, target: str) -> None:
    """A lock of git that went meanwhile, or a name that went to another file, is no loss."""
    with suppress(FileNotFoundError):
        shutil.copy2(source, target)
        _like(Path(source), Path(target))


def _links(job: Job) -> list[str]:
    made = []
    for pattern in job.held:
        parent = Path(pattern).parent
        beside = parent / HELD
        beside.mkdir(mode=0o700)
        made.append(str(beside))
        for folder in sorted(parent.glob(Path(pattern).name)):
            try:
                shutil.copytree(folder, beside / folder.name, copy_function=os.link)
            except (OSError, shutil.Error):
                # What went meanwhile is in another one, which took its place.
                if folder.exists():
                    raise
                shutil.rmtree(beside / folder.name, ignore_errors=True)
        for linked in beside.iterdir():
            _folders_like(parent / linked.name, linked)
    return made


def _folders_like(original: Path, copy: Path) -> None:
    """Give the folders of a copied tree owner and mode; copytree() gives them the mode alone."""
    for folder, _, _ in os.walk(copy):
        with suppress(FileNotFoundError):
            _like(original / Path(folder).relative_to(copy), Path(folder))


def _owners() -> str:
    """The names behind the numbers: a host that is made anew counts its accounts otherwise."""
    COPIES.mkdir(parents=True, exist_ok=True)
    owners = {
        "users": {account.pw_uid: account.pw_name for account in pwd.getpwall()},
        "groups": {group.gr_gid: group.gr_name for group in grp.getgrall()},
    }
    file = COPIES / OWNERS
    file.write_text(json.dumps(owners))
    return str(file)


def _remove(job: Job) -> None:
    shutil.rmtree(COPIES, ignore_errors=True)
    for pattern in job.held:
        shutil.rmtree(Path(pattern).parent / HELD, ignore_errors=True)
