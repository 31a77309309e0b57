"""Docker: the engine and its Compose plugin, on hosts that run stacks.

Listens on nothing: its socket belongs to root. Keeps images, containers and volumes in
/var/lib/docker, on a Jetson with an NVMe disk there. A container gets the GPU of a Jetson by
`runtime: nvidia`.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, ip_address
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator
from pyinfra import host
from pyinfra.api.deploy import deploy

from deploys import container_health, docker_daemon, docker_data_root, docker_engine, jetpack
from deploys.declarations import Conflict
from deploys.docker_engine import DISTRIBUTION_PACKAGES, DOCKER_PACKAGES, ENGINES, IN_THE_WAY, TOOLS
from deploys.models import Models
from deploys.refusal import refuse
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from facts.container_toolkit import PACKAGE as CONTAINER_TOOLKIT
from facts.container_toolkit import ToolkitOffered
from facts.distribution import Distribution, Linux
from facts.jetson_linux import JetsonLinux, Release
from facts.sources import Source
from facts.storage import StorageState
from operations import engine, packages, retirement, service, sources

UNITS = ("docker.service", "docker.socket", "containerd.service")

# One key for Debian and Ubuntu (docs.docker.com, "Install Docker Engine", of 2017 to 2026).
KEY_FINGERPRINT = "9DC858229FC7DD38854AE2D88D81803C0EBFCD88"


class Docker(Settings):
    """What Docker does with networks and a restart of itself."""

    role: ClassVar[str] = "docker"

    source: Literal["automatic", "distribution", "docker"] = Field(
        default="automatic",
        description="whose packages: the distribution's, or those of Docker's own repository; "
        "`automatic`: the distribution's, on a Jetson of JetPack 6 Docker's",
    )
    version: str = Field(
        default="",
        pattern=r"^(\d+\.\d+\.\d+)?$",
        description="of the engine from Docker's repository, such as 29.8.1; empty: the newest at "
        f"the first roll-out, which then stays, and {docker_engine.LAST_WITHOUT_NEED} on a Jetson "
        "of JetPack 6",
    )
    data_root: str = Field(
        default="",
        pattern=r"^(/[^\s\"\\]+)?$",
        description=f"where Docker keeps its data; empty: {docker_data_root.DEFAULT}, on a Jetson "
        "whose system is on an SD card the folder `docker` of its NVMe disk",
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

    def on(self, release: Release) -> Self:
        """These settings with what `automatic` and no version mean on a host of this release."""
        kept_back = docker_engine.lacks_raw_table(release)
        source = self.source
        if source == "automatic":
            source = "docker" if kept_back or self.version else "distribution"
        version = self.version
        if kept_back and source == "docker":
            version = version or docker_engine.LAST_WITHOUT_NEED
        return self.model_copy(update={"source": source, "version": version})

    def repository(self, linux: Linux) -> Source:
        """Docker's own packages for `linux`."""
        uri = f"https://download.docker.com/linux/{linux.name}"
        fingerprint = self.key_fingerprint
        return Source("docker", uri, linux.codename, ("stable",), f"{uri}/gpg", fingerprint)

    def packages(self, linux: Linux) -> tuple[str, ...]:
        """What to install on `linux`; nothing where the source has nothing for it."""
        return docker_engine.packages(self.source, self.version, linux)


@deploy("Docker")
def install() -> None:
    linux, release = host.get_fact(Distribution), host.get_fact(JetsonLinux)
    if linux is None or release is None:
        # pyinfra has failed this host already; nothing is planned from what was not read.
        return
    settings = Docker.of(host).on(release)
    on_jetson = release.major > 0
    storage = host.get_fact(StorageState, disks=on_jetson or bool(settings.data_root))
    if storage is None:
        return
    repositories = [settings.repository(linux)] if settings.source == "docker" else []
    names = [*settings.packages(linux), *(TOOLS if not on_jetson else (*TOOLS, CONTAINER_TOOLKIT))]
    shelf = Models.of(host).directory if "models" in host.groups else ""
    reason = (
        (on_jetson and jetpack.obstacle(release))
        or _engine_obstacle(settings, linux, release, names)
        or docker_data_root.obstacle(settings.data_root, storage, shelf)
    )
    if reason:
        refuse(reason)
        return
    if repositories:
        sources.present(name="Have Docker's repository", sources=repositories)
    else:
        sources.removed(name="Have no repository of Docker's", names=["docker"])
    kept_back = docker_engine.lacks_raw_table(release)
    engine.installed(
        name="Install the engine and Compose",
        packages=names,
        without=IN_THE_WAY[settings.source],
        sources=repositories,
        held=ENGINES[settings.source] if kept_back else (),
    )
    root = docker_data_root.path(settings.data_root, storage)
    service.deployed(
        name="Deploy the configuration",
        service="docker",
        entries=docker_daemon.entries(
            settings, "nvidia" in host.groups or on_jetson, root, storage
        ),
        units=["docker"],
        steps=docker_daemon.STEPS,
    )
    container_health.write()


def _engine_obstacle(
    settings: Docker, linux: Linux, release: Release, names: Sequence[str]
) -> str | None:
    """Why this host gets no engine; None too where that could not be read."""
    if not settings.packages(linux):
        return docker_engine.no_packages(settings.source, linux)
    if release.major and host.get_fact(ToolkitOffered) is False:
        return docker_engine.no_toolkit(release)
    version = settings.version
    if docker_engine.lacks_raw_table(release) and settings.source == "distribution":
        found = packages.read(names, IN_THE_WAY["distribution"])
        version = docker_engine.version_after("docker.io", found) if found else ""
    return docker_engine.too_new(settings.source, version, release)


@deploy("Remove Docker")
def remove() -> None:
    """Take the engine off; images, containers and volumes stay in its data root."""
    container_health.write_no_more()
    retirement.service_removed(name="Remove the configuration", service="docker", units=UNITS)
    of_distributions = {name for _, names in DISTRIBUTION_PACKAGES.values() for name in names}
    packages.removed(
        name="Remove the engine and Compose", packages=[*sorted(of_distributions), *DOCKER_PACKAGES]
    )
    sources.removed(name="Remove Docker's repository", names=["docker"])
