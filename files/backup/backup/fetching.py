"""Fetching: a snapshot becomes a folder with the paths that it was made of."""

from __future__ import annotations

import grp
import json
import os
import pwd
import shutil
from pathlib import Path
from typing import Any

from .configuration import Failed, Job
from .copies import COPIES, HELD, OWNERS
from .restic import LACKS_FILES, Restic


def snapshot(repository: Restic, what: str, wanted: str = "latest") -> dict[str, Any]:
    """The newest whole snapshot of `what`, or the one whose id begins with `wanted`."""
    found = repository.snapshots(what)
    whole = [x for x in found if LACKS_FILES not in (x.get("tags") or ())]
    fitting = whole if wanted == "latest" else [x for x in found if x["id"].startswith(wanted)]
    if not fitting:
        there = ", ".join(f"{x['short_id']} of {str(x['time'])[:16]}" for x in found) or "none"
        name = "snapshot" if wanted == "latest" else f"snapshot {wanted}"
        raise Failed(
            f"{repository.configuration.repository} has no {name} of {what}; there are: {there}. "
            "Nothing was changed"
        )
    return fitting[-1]


def fetch(repository: Restic, chosen: dict[str, Any], folder: Path) -> None:
    """Restore `chosen` below `folder`, read again after it was written, each path where it was."""
    repository.expect("restore", str(chosen["id"]), "--target", str(folder), "--verify")
    copies = folder / COPIES.relative_to("/")
    owners = copies / OWNERS
    _give_to_names(folder, json.loads(owners.read_text()))
    owners.unlink()
    for held in sorted(folder.rglob(HELD)):
        _merge(held, held.parent)
    _merge(copies, folder)
    for parent in (copies.parent, copies.parent.parent):
        if not any(parent.iterdir()):
            parent.rmdir()


def present(job: Job, folder: Path) -> list[str]:
    """The places of `job` that a snapshot held; Failed where it held none."""
    found = [place for place in job.places() if os.path.lexists(folder / place.lstrip("/"))]
    if not found:
        raise Failed(f"the snapshot of {job.what} has none of {', '.join(job.places())}")
    return found


def _merge(source: Path, target: Path) -> None:
    """Move what is in `source` into `target`; folders that both have become one."""
    for entry in sorted(source.iterdir()):
        there = target / entry.name
        if there.is_dir() and entry.is_dir() and not entry.is_symlink():
            _merge(entry, there)
        else:
            entry.rename(there)
    source.rmdir()


def _give_to_names(folder: Path, owners: dict[str, dict[str, str]]) -> None:
    """Give files to the accounts of the same names, where those have other numbers here."""
    users = _renumbered(owners["users"], {x.pw_name: x.pw_uid for x in pwd.getpwall()})
    groups = _renumbered(owners["groups"], {x.gr_name: x.gr_gid for x in grp.getgrall()})
    if not users and not groups:
        return
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent, name)
            found = path.lstat()
            user = users.get(found.st_uid, found.st_uid)
            group = groups.get(found.st_gid, found.st_gid)
            if (user, group) != (found.st_uid, found.st_gid):
                os.chown(path, user, group, follow_symlinks=False)
                if not path.is_symlink():
                    # A change of owner takes the set-id bits away (chown(2)).
                    path.chmod(found.st_mode & 0o7777)


def _renumbered(before: dict[str, str], now: dict[str, int]) -> dict[int, int]:
    return {
        int(number): now[name]
        for number, name in before.items()
        if name in now and now[name] != int(number)
    }


def discard(folder: Path) -> None:
    """Remove a scratch folder with all that was fetched into it."""
    shutil.rmtree(folder, ignore_errors=True)
