"""Release archives: downloaded to a host, checked, and unpacked each into a folder of its own.

What runs a program names its folder. So a new release changes nothing that runs until the files of
its service land, and the one before is still there when they are put back.
"""

from __future__ import annotations

import shlex
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path

from pyinfra import host
from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

import changes
from changes import Change
from facts.archive import CONTENTS, ROOT, Archive, ArchiveState
from operations.service import UNREADABLE

SCRIPT = Path(__file__).with_name("archive.sh")
PACKAGES = ("curl", "ca-certificates")
"""What a host needs for it; for a .zip `unzip` too."""


@operation()
def present(archives: Sequence[Archive], units: Sequence[str] = ()) -> Generator[StringCommand]:
    """
    Have these archives unpacked in their folders, with exactly the bytes that they are known by.

    + archives: one with another sha256 is refused before anything of it is unpacked
    + units: systemd units that read them at their start; where what they use is put back, and
      they run, they are restarted

    **Example:**

        archive.present(name="Have the program", archives=[settings.archive()])
    """
    found = host.get_fact(ArchiveState, names=[archive.name for archive in archives])
    if found is None:
        yield StringCommand(UNREADABLE)
        return
    missing = [archive for archive in archives if not found.get(archive.folder)]
    if not missing:
        return
    changes.announce(host, [_coming(x, damaged=x.folder in found) for x in missing])
    yield from (StringCommand(fetch(archive)) for archive in missing)
    if any(_is_in_use(archive, found) for archive in missing):
        yield from (StringCommand(_restart(unit)) for unit in units)


@operation()
def others_removed(names: Sequence[str], keep: Sequence[Archive] = ()) -> Generator[StringCommand]:
    """
    Have none of the unpacked archives of these names but some.

    + names: names of archives
    + keep: what stays

    **Example:**

        archive.others_removed(name="Remove old releases", names=["x"], keep=[settings.archive()])
    """
    found = host.get_fact(ArchiveState, names=names)
    if found is None:
        yield StringCommand(UNREADABLE)
        return
    kept = {archive.folder for archive in keep}
    surplus = sorted(found.keys() - kept)
    if not surplus:
        return
    changes.announce(host, [Change("archive", "remove", _title(folder)) for folder in surplus])
    emptied = " ".join(shlex.quote(f"{ROOT}/{name}") for name in names)
    yield StringCommand(f"rm -rf -- {shlex.join(surplus)}")
    yield StringCommand(f"rmdir --ignore-fail-on-non-empty {emptied} {ROOT} 2>/dev/null || :")


def _coming(archive: Archive, damaged: bool) -> Change:
    detail = {"folder": archive.folder, "url": archive.url, "sha256": archive.sha256}
    return Change("archive", "replace" if damaged else "download", _title(archive.folder), detail)


def _is_in_use(archive: Archive, found: Mapping[str, bool]) -> bool:
    """Whether what runs may name this folder; beside another release it is still to come."""
    shelf = f"{ROOT}/{archive.name}/"
    return archive.folder in found or not any(folder.startswith(shelf) for folder in found)


def _restart(unit: str) -> str:
    return f"! systemctl is-active --quiet {unit} || systemctl restart {unit}"


def _title(folder: str) -> str:
    """Name and version of what lies in a folder, as a plan says them."""
    name, version = folder.removeprefix(f"{ROOT}/").split("/")
    return f"{name} {version.rpartition('-')[0]}"


def fetch(archive: Archive) -> str:
    """A shell text that downloads an archive, checks it, and unpacks it in its folder."""
    given = {
        "name": f"{archive.name} {archive.version}",
        "url": archive.url,
        "sha256": archive.sha256,
        "folder": archive.folder,
    }
    variables = "".join(f"{name}={shlex.quote(value)}\n" for name, value in given.items())
    return f"{variables}{CONTENTS}{SCRIPT.read_text()}"
