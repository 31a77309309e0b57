"""Docker: the engine and its Compose plugin from the distribution, on hosts that run stacks.

Listens on nothing: its socket belongs to root. Keeps images, containers and volumes in
/var/lib/docker.
"""

from __future__ import annotations

import json
from ipaddress import IPv4Network
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator
from pyinfra import host, inventory
from pyinfra.api.deploy import deploy
from pyinfra.api.exceptions import DeployError

from deploys.settings import Settings
from deploys.topology import Topology
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
    _refuse_hosts_in_pool(settings)
    linux = host.get_fact(Distribution)
    if linux is None:
        # pyinfra has failed this host already; nothing is planned from what was not read.
        return
    packages.installed(
        name="Install the engine and Compose", packages=[*package_names(host.name, linux), *TOOLS]
    )
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
    packages.removed(name="Remove the engine and Compose", packages=package_names(host.name, linux))


def package_names(machine: str, linux: Linux) -> tuple[str, ...]:
    """What to install on `linux`; DeployError where it has no Compose plugin."""
    first, names = PACKAGES.get(linux.name, ("", ()))
    if not names or _number(linux.version) < _number(first):
        known = ", ".join(f"{name} {version}" for name, (version, _) in PACKAGES.items())
        raise DeployError(
            f"{machine} runs {linux.name} {linux.version or 'of no version'}, whose packages "
            f"have no Docker with Compose plugin; install {known} or newer"
        )
    return names


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _refuse_hosts_in_pool(settings: Docker) -> None:
    """A container network with the address of a host would cut every container off from it."""
    for machine in Topology.of(inventory).machines:
        address = machine.address
        if _is_ipv4(address) and IPv4Network(address).subnet_of(settings.address_pool):
            raise DeployError(
                f"{machine.name} has the address {address}, which lies in docker's address_pool "
                f"{settings.address_pool}; set another pool in group_data/docker.py"
            )


def _is_ipv4(address: str) -> bool:
    return address.replace(".", "").isdigit()
