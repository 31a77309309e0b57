"""Firewall: nobody gets in, except through ports that the roles of this host declare.

One nftables table of our own, beside Docker's rules and whatever else is there. Ports that
containers publish are closed by it as well: Docker's forwarding never passes an input chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import ClassVar

from pydantic import Field
from pyinfra import host, inventory
from pyinfra.api.deploy import deploy
from pyinfra.api.exceptions import DeployError

from deploys.declarations import EVERYONE, Port
from deploys.rendering import render
from deploys.settings import Settings
from deploys.ssh import Ssh
from deploys.topology import Exposure, Machine, Topology
from operations import packages, retirement, service
from operations.entries import Directory, File
from operations.transaction import Steps

RULES = "/etc/ai-idp/firewall.nft"
UNIT = "ai-idp-firewall.service"
TABLE = "inet ai_idp"


class Firewall(Settings):
    role: ClassVar[str] = "firewall"
    requires: ClassVar[tuple[str, ...]] = ("ssh",)

    unmanaged: tuple[Port, ...] = Field(
        default=(),
        description="Ports of services that ai-idp does not run, such as a hypervisor's interface",
    )

    def ports(self) -> tuple[Port, ...]:
        return self.unmanaged


@dataclass(frozen=True)
class Opening:
    """One port, and one family's sources that get through to it; an empty match means all."""

    match: str
    protocol: str
    number: int
    comment: str


@deploy("Firewall")
def install() -> None:
    topology = Topology.of(inventory)
    packages.installed(name="Install nftables", packages=["nftables"])
    service.deployed(
        name="Deploy the rules",
        service="firewall",
        entries=[
            Directory("/etc/ai-idp"),
            File(RULES, rules(topology, topology.machine(host.name))),
            File(f"/etc/systemd/system/{UNIT}", render(f"firewall/{UNIT}.j2")),
        ],
        units=[UNIT],
        on_change="reload",
        steps=Steps(
            validate=f'nft --check --file "$STAGE{RULES}"\n',
            probe=f"nft list chain {TABLE} input | grep -q 'policy drop'\n",
            live=f"nft --stateless list table {TABLE}",
            probe_seconds=5,
            confirm_seconds=30,
        ),
    )


@deploy("Firewall")
def remove() -> None:
    retirement.service_removed(name="Remove the rules", service="firewall", units=[UNIT])


def rules(topology: Topology, machine: Machine) -> bytes:
    """The table of `machine`, as nft reads it."""
    return render(
        "firewall/firewall.nft.j2",
        openings=openings_of(topology, machine),
        has_docker="docker" in machine.groups,
    )


def openings_of(topology: Topology, machine: Machine) -> list[Opening]:
    """What the table of `machine` lets in: SSH from its networks, then what its roles declare."""
    return [
        *_login(topology, machine),
        *(
            opening
            for exposure in machine.exposures()
            for opening in _openings(exposure, _sources(topology, exposure))
        ),
    ]


def _login(topology: Topology, machine: Machine) -> list[Opening]:
    ssh = machine.settings["ssh"]
    assert isinstance(ssh, Ssh)
    networks = [str(network) for network in ssh.allowed_networks or machine.data["networks"]]
    roles = {role for settings in machine.settings.values() for role in settings.ssh_clients()}
    clients = _outside(networks, [x for x in topology.addresses(roles) if x != machine.address])
    return [
        opening
        for port in ssh.ports()
        for opening in _openings(Exposure(machine, ssh.role, port), [*networks, *clients])
    ]


def _outside(networks: Sequence[str], addresses: Sequence[str]) -> list[str]:
    """Those addresses that lie in none of the networks: nft refuses what overlaps in one set."""
    try:
        within = [ip_network(network) for network in networks]
        return [x for x in addresses if not any(ip_address(x) in network for network in within)]
    except ValueError:
        # What is no address is refused with all others.
        return list(addresses)


def _sources(topology: Topology, exposure: Exposure) -> Sequence[str] | None:
    """Addresses that may reach an exposed port; None stands for all."""
    groups = exposure.port.reachable_from
    return None if EVERYONE in groups else topology.addresses(groups)


def _openings(exposure: Exposure, sources: Sequence[str] | None) -> list[Opening]:
    return [
        Opening(
            match=match,
            protocol=exposure.port.protocol,
            number=exposure.port.number,
            comment=f"{exposure.role}: {exposure.port.purpose}",
        )
        for match in (*_matches(exposure.machine, sources), *_ways_in(exposure.port))
    ]


def _ways_in(port: Port) -> list[str]:
    return [f'iifname "{port.interface}" '] if port.interface else []


def _matches(machine: Machine, sources: Sequence[str] | None) -> list[str]:
    if sources is None:
        return [""]
    try:
        networks = sorted({ip_network(source) for source in sources}, key=str)
    except ValueError as error:
        raise DeployError(
            f"the firewall of {machine.name} needs addresses, not names: {error}; "
            "correct `ssh_hostname` in the inventory or `networks` in group_data/all.py"
        ) from error
    return [
        f"{family} saddr {{ {', '.join(found)} }} "
        for version, family in ((4, "ip"), (6, "ip6"))
        if (found := [_source(str(n)) for n in networks if n.version == version])
    ]


def _source(network: str) -> str:
    return network.removesuffix("/32").removesuffix("/128")
