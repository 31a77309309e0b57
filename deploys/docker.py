"""Docker: the engine and its Compose plugin from the distribution, on hosts that run stacks.

Listens on nothing: its socket belongs to root. Keeps images, containers and volumes in
/var/lib/docker.
"""

from __future__ import annotations

import json
from ipaddress import IPv4Network, ip_address
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator
from pyinfra import host
from pyinfra.api.deploy import deploy

from deploys.declarations import Conflict
from deploys.refusal import refuse
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from facts.distribution import Distribution, Linux
from operations import packages, retirement, service
from operations.entries import File
from operations.transaction import Steps

DAEMON = "/etc/docker/daemon.json"
UNITS = ("docker.service", "docker.socket", "containerd.service")

# curl asks a stack for what its users want, before a change of it stays.
TOOLS = ("curl", "ca-certificates")
PACKAGES = {
    "debian": ("13", ("docker.io", "docker-cli", "docker-compose")),
    "ubuntu": ("22.04", ("docker.io", "docker-compose-v2")),
}
"""By distribution: the first version that has the Compose plugin, and what to install."""

# A reload would apply live-restore alone; address pools, CDI and logs need a restart. Its unit
# allows three starts a minute, which the last good configuration shall not be kept from.
ACTIVATE = """\
systemctl enable --quiet docker
systemctl reset-failed docker
systemctl restart docker
"""


class Docker(Settings):
    """What Docker does with logs, networks and a restart of itself."""

    role: ClassVar[str] = "docker"

    log_file_mib: int = Field(
        default=10, ge=1, description="size at which a container's log file is rotated"
    )
    log_files: int = Field(default=3, ge=2, description="log files kept for each container")
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

    def daemon(self) -> dict[str, Any]:
        """The content of daemon.json; dockerd wants the log options as strings."""
        pool = {"base": str(self.address_pool), "size": self.network_prefix_bits}
        return {
            "log-driver": "json-file",
            "log-opts": {"max-size": f"{self.log_file_mib}m", "max-file": str(self.log_files)},
            "live-restore": self.keep_containers_running,
            "default-address-pools": [pool],
            "features": {"cdi": True},
            "no-new-privileges": True,
        }


@deploy("Docker")
def install() -> None:
    settings = Docker.of(host)
    linux = host.get_fact(Distribution)
    if linux is None:
        # pyinfra has failed this host already; nothing is planned from what was not read.
        return
    names = package_names(linux)
    if not names:
        refuse(_unknown(linux))
        return
    packages.installed(name="Install the engine and Compose", packages=[*names, *TOOLS])
    service.deployed(
        name="Deploy the configuration",
        service="docker",
        entries=[File(DAEMON, f"{json.dumps(settings.daemon(), indent=2)}\n".encode())],
        units=["docker"],
        steps=Steps(
            validate=f'dockerd --validate --config-file "$STAGE{DAEMON}"',
            activate=ACTIVATE,
            probe="docker info >/dev/null",
        ),
    )


@deploy("Remove Docker")
def remove() -> None:
    """Take the engine off; images, containers and volumes stay in /var/lib/docker."""
    linux = host.get_fact(Distribution)
    if linux is None:
        return
    retirement.service_removed(name="Remove the configuration", service="docker", units=UNITS)
    packages.removed(name="Remove the engine and Compose", packages=package_names(linux))


def package_names(linux: Linux) -> tuple[str, ...]:
    """What to install on `linux`; nothing where its packages have no Compose plugin."""
    first, names = PACKAGES.get(linux.name, ("", ()))
    return names if _number(linux.version) >= _number(first) else ()


def _unknown(linux: Linux) -> str:
    known = " or ".join(f"{name} {version}" for name, (version, _) in PACKAGES.items())
    return (
        f"{linux.name} {linux.version or 'of no version'} has no packages of Docker with the "
        f"Compose plugin; install {known} or newer, or take the host out of `docker`"
    )


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
