"""Docker: the engine and its Compose plugin, on hosts that run stacks.

Listens on nothing: its socket belongs to root. Keeps images, containers and volumes in
/var/lib/docker.
"""

from __future__ import annotations

import json
from ipaddress import IPv4Network, ip_address
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator
from pyinfra import host
from pyinfra.api.deploy import deploy

from deploys import container_health
from deploys.declarations import Conflict
from deploys.refusal import refuse
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from facts.distribution import Distribution, Linux
from facts.sources import Source
from operations import engine, packages, retirement, service, sources
from operations.entries import File
from operations.transaction import Steps

DAEMON = "/etc/docker/daemon.json"

# The journal's own limits keep the disk; each line there has the name of its container, and the
# labels as fields (docs.docker.com, "Journald logging driver").
LOG_DRIVER = "journald"
LOG_OPTIONS = {
    "tag": "{{.Name}}",
    "labels": "com.docker.compose.project,com.docker.compose.service",
}
UNITS = ("docker.service", "docker.socket", "containerd.service")

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

# One key for Debian and Ubuntu (docs.docker.com, "Install Docker Engine", of 2017 to 2026).
KEY_FINGERPRINT = "9DC858229FC7DD38854AE2D88D81803C0EBFCD88"

# A reload would apply live-restore alone; address pools, CDI and logs need a restart. Its unit
# allows three starts a minute, which the last good configuration shall not be kept from.
ACTIVATE = """\
systemctl enable --quiet docker
systemctl reset-failed docker
systemctl restart docker
"""


class Docker(Settings):
    """What Docker does with networks and a restart of itself."""

    role: ClassVar[str] = "docker"

    source: Literal["distribution", "docker"] = Field(
        default="distribution",
        description="whose packages: the distribution's, or those of Docker's own repository",
    )
    version: str = Field(
        default="",
        pattern=r"^(\d+\.\d+\.\d+)?$",
        description="of the engine from Docker's repository, such as 29.8.1; empty: the newest at "
        "the first roll-out, which then stays",
    )
    key_fingerprint: str = Field(
        default=KEY_FINGERPRINT,
        pattern=r"^[0-9A-F]{40}$",
        description="of the key that signs Docker's repository",
    )
    address_pool: IPv4Network = Field(
        default=IPv4Network("10.201.0.0/16"),
        description="addresses for the networks of containers; no host may have one of these",
    )
    network_prefix_bits: int = Field(
        default=24, ge=16, le=29, description="size of each network taken from the pool"
    )
    keep_containers_running: bool = Field(
        default=True, description="containers outlive a restart of the engine (live-restore)"
    )

    @model_validator(mode="after")
    def _pool_holds_networks(self) -> Self:
        if self.network_prefix_bits < self.address_pool.prefixlen:
            raise ValueError(
                f"address_pool {self.address_pool} is smaller than one network of "
                f"/{self.network_prefix_bits}; enlarge it or raise network_prefix_bits"
            )
        return self

    @model_validator(mode="after")
    def _version_has_a_source(self) -> Self:
        if self.version and self.source == "distribution":
            raise ValueError(
                f"version {self.version} is one of Docker's repository, and the distribution has "
                'its own; set source="docker" or take version out'
            )
        return self

    def conflicts(self, machine: Machine, topology: Topology) -> tuple[Conflict, ...]:
        """A container network with the address of a host would cut every container off from it."""
        return tuple(
            Conflict(
                f"{other.name} has the address {other.address}, which lies in the address_pool "
                f"{self.address_pool}",
                "set another pool in group_data/docker.py",
            )
            for other in topology.machines
            if self._has(other.address)
        )

    def _has(self, address: str) -> bool:
        try:
            return ip_address(address) in self.address_pool
        except ValueError:
            return False  # no address at all: a problem of its own

    def daemon(self, nvidia: bool = False) -> dict[str, Any]:
        """The content of daemon.json; dockerd wants the log options as strings.

        With `nvidia` it has the runtime that the container toolkit would else write into it.
        """
        pool = {"base": str(self.address_pool), "size": self.network_prefix_bits}
        runtimes = {"nvidia": {"path": "nvidia-container-runtime", "args": []}}
        return {
            "log-driver": LOG_DRIVER,
            "log-opts": LOG_OPTIONS,
            "live-restore": self.keep_containers_running,
            "default-address-pools": [pool],
            # A fresh engine 29 would keep images where the distributions' older ones do not look
            # (docs.docker.com, "containerd image store"): moving would lose the containers.
            "features": {"cdi": True, "containerd-snapshotter": False},
            "no-new-privileges": True,
            **({"runtimes": runtimes} if nvidia else {}),
        }

    def repository(self, linux: Linux) -> Source:
        """Docker's own packages for `linux`."""
        uri = f"https://download.docker.com/linux/{linux.name}"
        fingerprint = self.key_fingerprint
        return Source("docker", uri, linux.codename, ("stable",), f"{uri}/gpg", fingerprint)

    def packages(self, linux: Linux) -> tuple[str, ...]:
        """What to install on `linux`; nothing where the source has nothing for it."""
        if self.source == "distribution":
            first, names = DISTRIBUTION_PACKAGES.get(linux.name, ("", ()))
            return names if _number(linux.version) >= _number(first) else ()
        first = DOCKER_SUPPORTS.get(linux.name, "")
        if not first or not linux.codename or _number(linux.version) < _number(first):
            return ()
        if not self.version:
            return DOCKER_PACKAGES
        # Revision and distribution stand behind it: 5:29.8.1-1~debian.13~trixie.
        pinned = tuple(f"{name}=5:{self.version}-*" for name in ("docker-ce", "docker-ce-cli"))
        return (*pinned, *DOCKER_PACKAGES[2:])


@deploy("Docker")
def install() -> None:
    settings = Docker.of(host)
    linux = host.get_fact(Distribution)
    if linux is None:
        # pyinfra has failed this host already; nothing is planned from what was not read.
        return
    names = settings.packages(linux)
    if not names:
        refuse(_unknown(settings, linux))
        return
    repositories = [settings.repository(linux)] if settings.source == "docker" else []
    if repositories:
        sources.present(name="Have Docker's repository", sources=repositories)
    else:
        sources.removed(name="Have no repository of Docker's", names=["docker"])
    engine.installed(
        name="Install the engine and Compose",
        packages=[*names, *TOOLS],
        without=IN_THE_WAY[settings.source],
        sources=repositories,
    )
    daemon = settings.daemon(nvidia="nvidia" in host.groups)
    service.deployed(
        name="Deploy the configuration",
        service="docker",
        entries=[File(DAEMON, f"{json.dumps(daemon, indent=2)}\n".encode())],
        units=["docker"],
        steps=Steps(
            validate=f'dockerd --validate --config-file "$STAGE{DAEMON}"',
            activate=ACTIVATE,
            probe="docker info >/dev/null",
        ),
    )
    container_health.write()


@deploy("Remove Docker")
def remove() -> None:
    """Take the engine off; images, containers and volumes stay in /var/lib/docker."""
    container_health.write_no_more()
    retirement.service_removed(name="Remove the configuration", service="docker", units=UNITS)
    of_distributions = {name for _, names in DISTRIBUTION_PACKAGES.values() for name in names}
    packages.removed(
        name="Remove the engine and Compose", packages=[*sorted(of_distributions), *DOCKER_PACKAGES]
    )
    sources.removed(name="Remove Docker's repository", names=["docker"])


def _unknown(settings: Docker, linux: Linux) -> str:
    if settings.source == "docker":
        known = " or ".join(f"{name} {version}" for name, version in DOCKER_SUPPORTS.items())
        lack = "is not in Docker's repository"
    else:
        known = " or ".join(f"{name} {x}" for name, (x, _) in DISTRIBUTION_PACKAGES.items())
        lack = "has no packages of Docker with the Compose plugin"
    return (
        f"{linux.name} {linux.version or 'of no version'} {lack}; "
        f"install {known} or newer, or take the host out of `docker`"
    )


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
