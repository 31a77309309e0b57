"""Intel's release of the NPU's driver: the stand-in of it, in packages of the real names."""

from __future__ import annotations

import tempfile
from pathlib import Path

from deploys.npu_driver import Build, driver_url, package_version
from group_data.npu import npu as production
from lab import images
from lab.checkout import LAB
from lab.engine import docker, run

FOLDER = Path(__file__).parent
DRIVER = LAB / "standins" / "npu" / "driver.c"
UPGRADE = "1.99.0.20990101-1"
"""A release that only the lab has: the same driver under another version."""
BUILD: Build = "ubuntu2404"


def definition() -> bytes:
    """What the archives are made from."""
    return _source()


def archives() -> dict[str, bytes]:
    """The release of production, and that of the lab; the same bytes each time."""
    releases = (production.driver_release, UPGRADE)
    image = images.cached("npu-driver", _source(), _build)
    container = docker("create", image, "/nothing").strip()
    try:
        with tempfile.TemporaryDirectory() as name:
            docker("cp", f"{container}:/made", name)
            made = Path(name) / "made"
            return {
                driver_url(release, BUILD): (made / f"{release}.tar.gz").read_bytes()
                for release in releases
            }
    finally:
        docker("rm", container)


def _source() -> bytes:
    own = images.content(FOLDER, DRIVER)
    return own + f"{production.driver_release} {UPGRADE} {images.SUITE}".encode()


def _build(tag: str) -> None:
    """Build in the machine of the outside world, which is there already and is left as it was."""
    container = docker("create", images.outside_world_base(), "sh", "/build.sh", *_arguments())
    container = container.strip()
    try:
        for file in (FOLDER / "build.sh", DRIVER):
            docker("cp", str(file), f"{container}:/{file.name}")
        docker("start", "--attach", container)
        with tempfile.TemporaryDirectory() as name:
            made = Path(name) / "made"
            docker("cp", f"{container}:/made", str(made))
            archive = Path(name) / "made.tar"
            run("tar", "-cf", str(archive), "-C", name, "made")
            docker("import", str(archive), tag)
    finally:
        docker("rm", "--force", container)


def _arguments() -> list[str]:
    return [
        f"{release}={package_version(release, BUILD)}"
        for release in (production.driver_release, UPGRADE)
    ]
