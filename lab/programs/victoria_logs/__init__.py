"""VictoriaLogs' releases: the real program, made from the source package that Debian has of it.

Debian makes other programs of that source and takes the web page out of it, so that the page is a
line of text here. The program is older than the release by whose name it goes.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import tempfile
from pathlib import Path

from deploys.victoria_logs import PROGRAM, archive_url
from group_data.victoria_logs import victoria_logs as production
from lab import images
from lab.engine import docker, run

FOLDER = Path(__file__).parent
UPGRADE, NEVER_WELL = "1.99.0", "1.99.1"
"""Versions that only the lab has: the same program in other bytes, and one that never answers."""
NEVER_WELL_PROGRAM = b"#!/bin/sh\necho 'this release never gets well' >&2\nexec sleep infinity\n"


def definition() -> bytes:
    """What the releases are made from."""
    return _source() + production.version.encode()


def archives() -> dict[str, bytes]:
    """The release of production, and those of the lab."""
    program = _program(images.cached("victoria-logs", _source(), _build))
    programs = {
        production.version: program,
        UPGRADE: program + b"\n",
        NEVER_WELL: NEVER_WELL_PROGRAM,
    }
    return {archive_url(version): _packed(content) for version, content in programs.items()}


def _source() -> bytes:
    """What the program is made from: a change of it makes it anew."""
    return images.content(FOLDER) + images.SUITE.encode()


def _packed(program: bytes) -> bytes:
    """The same bytes at every call."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=1, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        member = tarfile.TarInfo(PROGRAM)
        # The project's archives have the owner of the machine that made them.
        member.size, member.mode, member.uid, member.gid = len(program), 0o755, 1000, 1000
        archive.addfile(member, io.BytesIO(program))
    return buffer.getvalue()


def _program(image: str) -> bytes:
    container = docker("create", image, "/nothing").strip()
    try:
        with tempfile.TemporaryDirectory() as name:
            docker("cp", f"{container}:/{PROGRAM}", name)
            return (Path(name) / PROGRAM).read_bytes()
    finally:
        docker("rm", container)


def _build(tag: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        run(
            *("mmdebstrap", "--variant=apt", "--mode=root"),
            f"--include={','.join(images.words(FOLDER / 'packages.txt'))}",
            '--aptopt=APT::Install-Recommends "false"',
            *(f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("man", "locale", "doc")),
            f'--customize-hook={FOLDER / "build.sh"} {name} "$1"',
            *(images.SUITE, "/dev/null"),
        )
        tar = Path(name) / "root.tar"
        with tarfile.open(tar, "w") as packed:
            packed.add(Path(name) / PROGRAM, PROGRAM)
        docker("import", str(tar), tag)
