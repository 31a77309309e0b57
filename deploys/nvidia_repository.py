"""NVIDIA's apt repositories: where they are, whose key they have, and what they call the driver."""

from __future__ import annotations

from dataclasses import dataclass

from facts.distribution import Linux
from facts.graphics import Graphics, headers_package
from facts.sources import Source

BASE = "https://developer.download.nvidia.com/compute/cuda/repos"
CUDA_KEY = "EB693B3035CD5710E231E123A4B469963BF863CC"
TOOLKIT_KEY = "C95B321B61E88C1809C4F759DDCAE044F796ECB0"
SOURCES = ("nvidia-cuda", "nvidia-container-toolkit")
TOOLKIT_URI = "https://nvidia.github.io/libnvidia-container"
CONTAINER_TOOLKIT = (
    *("nvidia-container-toolkit", "nvidia-container-toolkit-base"),
    *("libnvidia-container-tools", "libnvidia-container1"),
)
CUDA_TOOLKIT = ("cuda-toolkit-13-0", "cudnn9-cuda-13")

# What is built from the driver's sources and carries its version; the first three are those of
# NVIDIA's Driver Installation Guide ("Version locking"), the others name the rest.
DRIVER_GLOBS = (
    *("src:*nvidia*:any", "src:cuda-drivers:any", "src:cuda-compat:any"),
    *("*nvidia*", "cuda-drivers*", "libcuda1", "libcudadebugger1", "libnvcuvid1", "libnvoptix1"),
    *("libxnvctrl0", "libnvsdm*"),
)


@dataclass(frozen=True)
class Repository:
    """The CUDA repository of one distribution: its folder and its key."""

    folder: str
    key_file: str = "3bf863cc.pub"
    fingerprint: str = CUDA_KEY


REPOSITORIES = {
    ("debian", "12"): Repository("debian12"),
    # Debian 13 takes no key whose own signature is a SHA-1 one, as that of the others is.
    ("debian", "13"): Repository(
        "debian13", "8793F200.pub", "02182E60104FCDC26EAE1B8597A5D4CB8793F200"
    ),
    ("ubuntu", "22.04"): Repository("ubuntu2204"),
    ("ubuntu", "24.04"): Repository("ubuntu2404"),
}


def repository(linux: Linux) -> Repository | None:
    """The repository for `linux`; None where NVIDIA has none that this project knows."""
    return REPOSITORIES.get((linux.name, linux.version))


def driver_source(found: Repository, version: str, fingerprint: str = "") -> Source:
    """The repository with one version of the driver, above all others that apt may find."""
    uri = f"{BASE}/{found.folder}/x86_64/"
    return Source(
        name=SOURCES[0],
        uri=uri,
        suite="/",
        components=(),
        key_url=f"{uri}{found.key_file}",
        key_fingerprint=fingerprint or found.fingerprint,
        preferences=_pinned(DRIVER_GLOBS, f"{version}-*"),
    )


def toolkit_source(version: str, fingerprint: str = "") -> Source:
    """The container toolkit's; the CUDA repository has some version of these packages too."""
    return Source(
        name=SOURCES[1],
        uri=f"{TOOLKIT_URI}/stable/deb/amd64/",
        suite="/",
        components=(),
        key_url=f"{TOOLKIT_URI}/gpgkey",
        key_fingerprint=fingerprint or TOOLKIT_KEY,
        preferences=_pinned(CONTAINER_TOOLKIT, version),
    )


def driver_packages(linux: Linux, branch: int, flavour: str) -> tuple[str, ...]:
    """The driver with its open module. Ubuntu's names have the branch in them up to 580."""
    if linux.name == "debian":
        desktop = ("nvidia-driver",) if flavour == "desktop" else ()
        return (*desktop, "nvidia-driver-cuda", "nvidia-kernel-open-dkms")
    if branch >= 590:
        desktop = ("nvidia-driver-open",) if flavour == "desktop" else ()
        return (*desktop, "libnvidia-compute", "nvidia-dkms-open", "nvidia-utils")
    desktop = (f"nvidia-driver-{branch}-open",) if flavour == "desktop" else ()
    compute = ("libnvidia-compute-{}", "nvidia-dkms-{}-open", "nvidia-utils-{}")
    return (*desktop, *(name.format(branch) for name in compute))


def kernel_headers(found: Graphics) -> tuple[str, ...]:
    """The headers that are still to be installed, those of kernels to come among them.

    A package that follows the newest kernel brings one without its headers, for which DKMS then
    builds no module: after the next reboot there would be no driver.
    """
    following = (
        "proxmox-default-headers"
        if name == "proxmox-default-kernel"
        else name.replace("linux-image-", "linux-headers-", 1)
        for name in found.kernels
    )
    now = (headers_package(found.kernel),) if found.headers == "offered" else ()
    return (*now, *following)


def _pinned(packages: tuple[str, ...], version: str) -> str:
    # Above 1000 apt also goes back to it from a newer one (apt_preferences(5)).
    return f"Package: {' '.join(packages)}\nPin: version {version}\nPin-Priority: 1001\n"
