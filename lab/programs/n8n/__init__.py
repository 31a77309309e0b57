"""What n8n runs on: Node with npm, from npm's own packages of both, and Debian's addon of sqlite.

The addon is older than the release by whose name it goes, and uses the sqlite of the host.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import tempfile
from pathlib import Path

from group_data.n8n import n8n as production
from lab import images
from lab.engine import docker, run

FOLDER = Path(__file__).parent
NPM = "11.19.0"
"""The npm that Node's release of production has in it."""


def definition() -> bytes:
    """What the archives are made from."""
    return _source() + production.sqlite_addon().url.encode()


def archives() -> dict[str, bytes]:
    """By address; the same bytes each time."""
    image = images.cached("n8n-runtime", _source(), _build)
    container = docker("create", image, "/nothing").strip()
    try:
        with tempfile.TemporaryDirectory() as name:
            docker("cp", f"{container}:/made", name)
            made = Path(name) / "made"
            node = production.node_archive()
            return {
                node.url: _packed(made, f"node-v{node.version}-linux-x64"),
                production.sqlite_addon().url: _packed(made, "build"),
            }
    finally:
        docker("rm", container)


def _source() -> bytes:
    versions = f"{production.node_version} {NPM} {images.SUITE}"
    return images.content(FOLDER) + versions.encode()


def _packed(directory: Path, folder: str) -> bytes:
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=1, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for file in sorted((directory / folder).rglob("*")):
            member = archive.gettarinfo(file, str(file.relative_to(directory)))
            member.uid = member.gid = member.mtime = 0
            member.uname = member.gname = ""
            with file.open("rb") if member.isfile() else io.BytesIO() as content:
                archive.addfile(member, content)
    return buffer.getvalue()


def _build(tag: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        made = Path(name) / "made"
        made.mkdir()
        arguments = f"{production.node_version} {NPM} {images.MACHINE_ROOTS}"
        run(
            *("mmdebstrap", "--variant=apt", "--mode=root"),
            f"--include={','.join(images.words(FOLDER / 'packages.txt'))}",
            '--aptopt=APT::Install-Recommends "false"',
            *(f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("man", "locale", "doc")),
            f'--customize-hook={FOLDER / "build.sh"} {made} "$1" {arguments}',
            *(images.SUITE, "/dev/null"),
        )
        tar = Path(name) / "root.tar"
        with tarfile.open(tar, "w") as packed:
            packed.add(made, "made")
        docker("import", str(tar), tag)
