"""The NPU's driver: Intel's builds of it, and what each needs of the distribution.

Intel has no apt repository: a release is an archive of packages for one release of Ubuntu
(https://github.com/intel/linux-npu-driver/releases). That of Ubuntu 24.04 wants glibc 2.38 and the
libraries of libtbb12 and libze1, which Debian 13 has too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from facts.archive import Archive
from facts.npu import Npu as Found
from operations.local_packages import Bundle

if TYPE_CHECKING:
    from deploys.npu import Npu

Build = Literal["ubuntu2404", "ubuntu2604"]

PACKAGES = ("intel-fw-npu", "intel-driver-compiler-npu", "intel-level-zero-npu")
LOADER = "libze1"


@dataclass(frozen=True)
class Target:
    """What a distribution takes: `own_loader` where its libze1 knows libze_intel_npu.so.1.

    The loader does so from 1.17.17 on (linux-npu-driver, docs/overview.md); Ubuntu 24.04 has 1.16.
    """

    build: Build
    own_loader: bool = True

    @property
    def needs(self) -> tuple[str, ...]:
        return ("libtbb12", LOADER) if self.own_loader else ("libtbb12",)


TARGETS: Mapping[tuple[str, str], Target] = {
    ("debian", "13"): Target("ubuntu2404"),
    ("ubuntu", "24.04"): Target("ubuntu2404", own_loader=False),
    ("ubuntu", "26.04"): Target("ubuntu2604"),
}
"""By ID and VERSION_ID of os-release."""


def build(found: Found) -> Target:
    """What the host takes; KeyError for one that the preflight refuses."""
    return TARGETS[found.linux]


def bundles(settings: Npu, target: Target) -> list[Bundle]:
    """The archives of a release, with the versions that their packages have."""
    loader = [] if target.own_loader else [_loader(settings.loader_version, settings.loader_sha256)]
    return [*loader, _driver(settings.driver_release, settings.driver_sha256, target.build)]


def driver_url(release: str, build: Build) -> str:
    """Where Intel has the archive of 1.38.0.20260910-34487311128, for one build of it."""
    version = release.rpartition(".")[0]
    folder = f"https://github.com/intel/linux-npu-driver/releases/download/v{version}"
    return f"{folder}/linux-npu-driver-v{release}-{build}.tar.gz"


def package_version(release: str, build: Build) -> str:
    """What dpkg says of its packages (linux-npu-driver, cmake/packaging/generators/deb.cmake)."""
    year, month = build[-4:-2], build[-2:]
    return f"{release}~ubuntu{year}.{month}"


def _driver(release: str, sums: Mapping[Build, str], build: Build) -> Bundle:
    archive = Archive("npu-driver", release, driver_url(release, build), sums[build])
    return Bundle(archive, dict.fromkeys(PACKAGES, package_version(release, build)))


def _loader(version: str, sha256: str) -> Bundle:
    folder = f"https://github.com/oneapi-src/level-zero/releases/download/v{version}"
    url = f"{folder}/{LOADER}_{version}+u24.04_amd64.deb"
    return Bundle(Archive("level-zero", version, url, sha256), {LOADER: version})
