"""UPS: hosts go down in order before the battery is empty, and come back by themselves.

The host with the cable runs NUT's driver and server (port 3493, on its own address and loopback);
all hosts of the role run NUT's monitor. In which order things go down is in
`files/ups/ups_shutdown.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

from pydantic import Field, field_validator, model_validator
from pyinfra import host, inventory
from pyinfra.api.deploy import deploy

import secret_store
from deploys import nut
from deploys.declarations import Conflict, Port
from deploys.nut import DEVICE, MONITOR_PASSWORD, PORT, PRIMARY_PASSWORD, NutHost
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from deploys.ups_programs import RESUME, TIMER, metrics_files, shutdown_command, shutdown_files
from facts.distribution import Distribution
from operations import packages, retirement, service


class Ups(Settings):
    """Which UPS, where its cable is, and when the hosts go down."""

    role: ClassVar[str] = "ups"
    requires: ClassVar[tuple[str, ...]] = ("node_exporter",)

    server: str = Field(description="the host that the cable is in; it goes down last")
    driver: str = Field(
        default="usbhid-ups",
        pattern=r"^[a-z0-9_-]+$",
        description="NUT's driver for it; `nut-scanner -U` names it",
    )
    driver_port: str = Field(
        default="auto", pattern=r'^[^\s"\\]+$', description="where the driver finds it"
    )
    driver_options: Mapping[str, str] = Field(
        default={"offdelay": "60", "ondelay": "120"},
        description="further options of the driver. These two: seconds from the order to switch "
        "off until it does, and until it switches on again when there is mains",
    )
    watts: int = Field(gt=0, description="what it can deliver (real power)")
    volt_amperes: int = Field(gt=0, description="what it can deliver (apparent power)")
    battery_watt_hours: int = Field(gt=0, description="its battery: volts by ampere hours")
    usable_share: float = Field(
        default=0.4,
        gt=0,
        le=1,
        description="of the battery's energy that reaches the sockets when it is emptied within "
        "minutes; data sheets of small UPS with lead batteries come to 0.3 to 0.5",
    )
    other_watts: int = Field(
        default=20, ge=0, description="what else hangs on it: the switch, the router"
    )
    low_runtime_seconds: int = Field(
        ge=60, description="estimated runtime on battery below which the hosts go down"
    )
    low_charge_percent: int = Field(
        default=25,
        ge=5,
        le=95,
        description="charge below which they do too, for a UPS that estimates no runtime",
    )
    hostsync_seconds: int = Field(
        default=15, ge=5, description="how long the server waits for a client to take note"
    )
    final_delay_seconds: int = Field(
        default=5, ge=0, description="time between the last warning and the first stop"
    )
    stacks_seconds: int = Field(
        default=90, ge=1, description="time for the containers of a host to stop, all together"
    )
    guests_seconds: int = Field(
        default=90, ge=10, description="time for the guests of a node to stop, all together"
    )
    poweroff_seconds: int = Field(
        default=60, ge=1, description="time from `poweroff` until a host is off"
    )

    @field_validator("driver_options")
    @classmethod
    def _one_line_each(cls, options: Mapping[str, str]) -> Mapping[str, str]:
        ours = {"driver", "port", "ignorelb"}
        for name, value in options.items():
            if name in ours:
                raise ValueError(f"{name} is set by this role; leave it out of driver_options")
            if not name.replace(".", "").replace("_", "").isalnum() or set(value) & set('"\\\n'):
                raise ValueError(f"{name} = {value!r} is no option of ups.conf(5)")
        return options

    @model_validator(mode="after")
    def _real_power_is_part_of_the_apparent(self) -> Self:
        if self.watts > self.volt_amperes:
            raise ValueError(
                f"{self.watts} W is more than {self.volt_amperes} VA, which no UPS delivers; "
                "both stand on its plate"
            )
        return self

    def ports(self) -> tuple[Port, ...]:
        return (Port(PORT, "UPS", (self.role,)),)

    def ports_on(self, machine: Machine) -> tuple[Port, ...]:
        """The server alone listens."""
        return self.ports() if is_server(self, machine) else ()

    def secrets(self) -> tuple[str, ...]:
        return (MONITOR_PASSWORD, PRIMARY_PASSWORD)

    def conflicts(self, machine: Machine, topology: Topology) -> tuple[Conflict, ...]:
        """There is one server, all know it, and its guests go down with it."""
        if machine.guest is not None:
            return (
                Conflict(
                    f"is a guest of {machine.guest.node}, which stops it",
                    "take it out of `ups` in inventory.py",
                ),
            )
        if self.server in {other.name for other in topology.having(self.role)}:
            return ()
        return (
            Conflict(
                f"`server` names {self.server}, which does not have the role",
                f"add {self.server} to `ups` in inventory.py, or correct group_data/ups.py",
            ),
        )


@deploy("UPS")
def install() -> None:
    linux = host.get_fact(Distribution)
    if linux is None:
        # pyinfra has failed this host already; nothing is planned from what was not read.
        return
    settings, topology = Ups.of(host), Topology.of(inventory)
    machine = topology.machine(host.name)
    nut_host = NutHost(machine, topology.machine(settings.server), linux)
    plan = shutdown_plan(settings, machine, topology)
    command, store = shutdown_command(plan), secret_store.for_data(host.data)
    packages.installed(name="Install NUT", packages=nut.package_names(nut_host))
    service.deployed(
        name="Deploy the configuration",
        service="ups",
        entries=[
            *shutdown_files(plan),
            *(metrics_files(others(machine, topology)) if nut_host.serves else []),
            *nut.configuration(settings, nut_host, command, store),
        ],
        units=nut.units(nut_host),
        boot_units=[RESUME],
        steps=nut.steps(nut_host),
    )


@deploy("Remove the UPS")
def remove() -> None:
    """Take NUT off the host: a power failure ends it without a warning then."""
    all_units = ["nut-monitor", "nut-server", f"nut-driver@{DEVICE}", TIMER, RESUME]
    retirement.service_removed(name="Remove the configuration", service="ups", units=all_units)
    packages.removed(name="Remove NUT", packages=["nut-server", "nut-client"])


def is_server(settings: Ups, machine: Machine) -> bool:
    return machine.name == settings.server


def others(machine: Machine, topology: Topology) -> list[Machine]:
    """The hosts of the role but this one: the server's clients, where this is the server."""
    return [other for other in topology.having(Ups.role) if other.name != machine.name]


def shutdown_plan(settings: Ups, machine: Machine, topology: Topology) -> dict[str, object]:
    """What `ups_shutdown.py` reads: what goes down on this host, in which order and time."""
    served = others(machine, topology) if is_server(settings, machine) else []
    return {
        # A stack has its role's name; the last to come is the first to go.
        "stacks": [role for role in reversed(machine.groups) if role in machine.settings],
        "stacks_seconds": settings.stacks_seconds,
        "wait_for": {other.name: other.address for other in served},
        "wait_seconds": settings.stacks_seconds + settings.poweroff_seconds if served else 0,
        "guests_seconds": settings.guests_seconds if topology.guests_of(machine.name) else 0,
    }
