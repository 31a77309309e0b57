"""Docker's engine: which packages a host gets, in which version, and whose kernel it cannot use."""

from __future__ import annotations

import re

from facts.container_toolkit import PACKAGE as CONTAINER_TOOLKIT
from facts.container_toolkit import REPOSITORY
from facts.distribution import Linux
from facts.jetson_linux import Release
from facts.packages import Packages

# curl asks a stack for what its users want, before a change of it stays.
TOOLS = ("curl", "ca-certificates")
DISTRIBUTION_PACKAGES = {
    "debian": ("13", ("docker.io", "docker-cli", "docker-compose")),
    "ubuntu": ("22.04", ("docker.io", "docker-compose-v2")),
}
"""By distribution: the first version that has the Compose plugin, and what to install."""
DOCKER_PACKAGES = (
    *("docker-ce", "docker-ce-cli", "containerd.io"),
    *("docker-buildx-plugin", "docker-compose-plugin"),
)
ENGINES = {"docker": ("docker-ce", "docker-ce-cli"), "distribution": ("docker.io",)}
"""By source: the packages that have the engine's version."""
DOCKER_SUPPORTS = {"debian": "12", "ubuntu": "22.04"}
"""By distribution: the first version that Docker's repository still has engines for."""
IN_THE_WAY = {
    "docker": (
        *("docker.io", "docker-cli", "docker-compose", "docker-compose-v2", "docker-buildx"),
        *("docker-doc", "podman-docker", "containerd", "runc"),
    ),
    "distribution": (*DOCKER_PACKAGES, "docker-ce-rootless-extras", "podman-docker"),
}
"""By source: packages whose files or sockets are the same (docs.docker.com, "Uninstall old
versions"). They are removed, never purged: purging docker.io deletes /var/lib/docker."""

# Engine 28 keeps published ports from the neighbours by iptables' raw table, which kernels of
# JetPack 6 are built without (moby/moby#49557).
NEEDS_RAW_TABLE = 28
WITHOUT_RAW_TABLE = (36,)
"""Major releases of Jetson Linux."""
LAST_WITHOUT_NEED = "27.5.1"


def lacks_raw_table(release: Release) -> bool:
    return release.major in WITHOUT_RAW_TABLE


def packages(source: str, version: str, linux: Linux) -> tuple[str, ...]:
    """What to install on `linux`; nothing where the source has nothing for it."""
    if source != "docker":
        first, names = DISTRIBUTION_PACKAGES.get(linux.name, ("", ()))
        return names if _number(linux.version) >= _number(first) else ()
    first = DOCKER_SUPPORTS.get(linux.name, "")
    if not first or not linux.codename or _number(linux.version) < _number(first):
        return ()
    if not version:
        return DOCKER_PACKAGES
    # Revision and distribution stand behind it: 5:29.8.1-1~debian.13~trixie.
    pinned = tuple(f"{name}=5:{version}-*" for name in ENGINES["docker"])
    return (*pinned, *DOCKER_PACKAGES[2:])


def no_packages(source: str, linux: Linux) -> str:
    """Why a host of `linux` gets no engine of this source, and the way out."""
    if source == "docker":
        known = " or ".join(f"{name} {version}" for name, version in DOCKER_SUPPORTS.items())
        lack = "is not in Docker's repository"
    else:
        known = " or ".join(f"{name} {x}" for name, (x, _) in DISTRIBUTION_PACKAGES.items())
        lack = "has no packages of Docker with the Compose plugin"
    return (
        f"{linux.name} {linux.version or 'of no version'} {lack}; "
        f"install {known} or newer, or take the host out of `docker`"
    )


def too_new(source: str, version: str, release: Release) -> str:
    """Why this host's kernel cannot use that version, and the way out; empty where it can."""
    if not lacks_raw_table(release) or _major(version) < NEEDS_RAW_TABLE:
        return ""
    of_docker = source == "docker"
    named = f"version {version}" if of_docker else f"the distribution's docker.io {version}"
    remedy = "version" if of_docker else "source"
    return (
        f"the kernel of Jetson Linux {release} has no raw table of iptables, and Docker publishes "
        f"no port without it from {NEEDS_RAW_TABLE} on (moby/moby#49557): {named} would not work; "
        f"take {remedy} out of the host's settings in group_data/docker.py or inventory.py, and "
        f"it gets {LAST_WITHOUT_NEED}, which does"
    )


def version_after(name: str, found: Packages) -> str:
    """The version that this package will have once apt has done what it was asked for."""
    return found.will_install.get(name) or found.installed.get(name, "")


def no_toolkit(release: Release) -> str:
    """What to do where apt knows no source of NVIDIA's container toolkit."""
    suite = f"r{release.major}.{release.revision.partition('.')[0]}"
    return (
        f"apt knows no source of {CONTAINER_TOOLKIT}, without which no container sees the GPU; "
        f"have `deb {REPOSITORY} {suite} main` in "
        "/etc/apt/sources.list.d/nvidia-l4t-apt-source.list, as NVIDIA's image has it (package "
        "nvidia-l4t-apt-source)"
    )


def _major(version: str) -> int:
    found = re.match(r"(?:\d+:)?(\d+)\.", version)
    return int(found[1]) if found else 0


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
