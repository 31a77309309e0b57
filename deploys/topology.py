"""Topology: what the hosts may know of one another, taken from inventory data alone.

Reading another host's *facts* would connect to it even under ``--limit``; its data never does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from pyinfra.api.host import Host
from pyinfra.api.inventory import Inventory

from deploys.declarations import Port, Scrape
from deploys.guest import Guest
from deploys.hardware import Hardware
from deploys.power import Power
from deploys.settings import Settings

SettingsType = TypeVar("SettingsType", bound=Settings)


@dataclass(frozen=True)
class Machine:
    """One host as the others see it: its address, its groups, and its settings by role."""

    name: str
    address: str
    groups: tuple[str, ...]
    settings: Mapping[str, Settings] = field(compare=False, repr=False)
    data: dict[str, Any] = field(compare=False, repr=False)

    @classmethod
    def of(cls, host: Host) -> Self:
        data: dict[str, Any] = host.data.dict()  # type: ignore[no-untyped-call]
        groups = tuple(dict.fromkeys(host.groups))
        return cls(
            name=host.name,
            address=str(data.get("ssh_hostname", "")),
            groups=groups,
            settings={
                group: data[group] for group in groups if isinstance(data.get(group), Settings)
            },
            data=data,
        )

    @property
    def fqdn(self) -> str:
        return f"{self.name}.{self.data['domain']}"

    @property
    def may_be_absent(self) -> bool:
        return bool(self.data.get("may_be_absent", False))

    @property
    def hardware(self) -> Hardware | None:
        """What the inventory says that this machine has; None where it says nothing."""
        found = self.data.get("hardware")
        # A dict where the data came as JSON.
        return None if found is None else Hardware.model_validate(found)

    @property
    def power(self) -> Power | None:
        """What the inventory says that this machine draws; None where it says nothing."""
        found = self.data.get("power")
        return None if found is None else Power.model_validate(found)

    @property
    def guest(self) -> Guest | None:
        """What the inventory says of it as a container of a node; None for a machine of its own."""
        found = self.data.get("guest")
        return None if found is None else Guest.model_validate(found)

    def share_mib(self, card: int, fraction: float) -> int:
        """That fraction of what CUDA sees of a card; 0 where the inventory knows no such card."""
        gpus = self.hardware.gpus if self.hardware else ()
        return int(gpus[card].visible_mib * fraction) if 0 <= card < len(gpus) else 0

    def endpoint(self, port: int) -> str:
        """``address:port``, an IPv6 address in brackets."""
        return f"[{self.address}]:{port}" if ":" in self.address else f"{self.address}:{port}"

    def url(self, port: int) -> str:
        """Where a server of this machine answers, past the gateway."""
        return f"http://{self.endpoint(port)}"

    def exposures(self) -> tuple[Exposure, ...]:
        """Every port that the roles of this machine listen on."""
        return tuple(
            Exposure(self, role, port)
            for role, settings in self.settings.items()
            for port in settings.ports_on(self)
        )


@dataclass(frozen=True)
class Exposure:
    """One port of one machine, and the role that listens on it."""

    machine: Machine
    role: str
    port: Port


@dataclass(frozen=True)
class Target:
    """One metrics endpoint of one machine, and the role that serves it."""

    machine: Machine
    role: str
    scrape: Scrape

    @property
    def endpoint(self) -> str:
        """``address:port``, as Prometheus writes it."""
        return self.machine.endpoint(self.scrape.port)


@dataclass(frozen=True)
class Topology:
    """All hosts of the inventory, in its order, ``--limit`` or not.

    `groups` holds every group that the inventory or its data names, also one without a host.
    """

    machines: tuple[Machine, ...]
    groups: tuple[str, ...]

    @classmethod
    def of(cls, inventory: Inventory) -> Self:
        return cls(
            machines=tuple(Machine.of(host) for host in inventory),
            groups=tuple(dict.fromkeys([*inventory.group_data, *inventory.groups])),
        )

    def machine(self, name: str) -> Machine:
        """The machine of this name; KeyError where the inventory has none."""
        return {machine.name: machine for machine in self.machines}[name]

    def having(self, role: str) -> tuple[Machine, ...]:
        """The machines of this role; none is an answer, not an error."""
        return tuple(machine for machine in self.machines if role in machine.groups)

    def guests_of(self, node: str) -> tuple[tuple[Machine, Guest], ...]:
        """The machines that are containers of the node of this name."""
        found = ((machine, machine.guest) for machine in self.machines)
        return tuple((machine, guest) for machine, guest in found if guest and guest.node == node)

    def holders(self, settings: type[SettingsType]) -> tuple[tuple[Machine, SettingsType], ...]:
        """The machines of a role with their settings of it, typed."""
        found = ((machine, machine.settings.get(settings.role)) for machine in self.machines)
        return tuple((machine, held) for machine, held in found if isinstance(held, settings))

    def addresses(self, groups: Iterable[str]) -> tuple[str, ...]:
        """The addresses of all machines of these groups, each once, in the inventory's order."""
        wanted = set(groups)
        return tuple(
            machine.address for machine in self.machines if not wanted.isdisjoint(machine.groups)
        )

    def exposures(self) -> tuple[Exposure, ...]:
        """Every declared port of every machine."""
        return tuple(exposure for machine in self.machines for exposure in machine.exposures())

    def targets(self) -> tuple[Target, ...]:
        """Every declared metrics endpoint of every machine."""
        return tuple(
            Target(machine, role, scrape)
            for machine in self.machines
            for role, settings in machine.settings.items()
            for scrape in settings.scrapes()
        )
