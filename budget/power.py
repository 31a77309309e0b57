"""Power: what the hosts on a UPS draw, how long its battery lasts, and how long they need."""

from __future__ import annotations

import math
from dataclasses import dataclass

from deploys.power import Power
from deploys.topology import Machine, Topology
from deploys.ups import Ups

Terms = tuple[tuple[str, int], ...]
"""Parts of a sum, each with what it is for."""
NOTICE_SECONDS = 5
"""How often upsmon asks (POLLFREQALERT)."""


@dataclass(frozen=True)
class Supply:
    """One UPS, and the hosts that hang on it; those whose draw nobody declared are left out."""

    settings: Ups
    server: Machine
    hosts: tuple[tuple[Machine, Power], ...]
    shutdown: Terms

    @property
    def peak(self) -> Terms:
        """Watts of each host at most, and of what else hangs on the UPS."""
        return (*((m.name, power.peak_watts) for m, power in self.hosts), self._others)

    @property
    def idle(self) -> Terms:
        """Watts while nobody asks anything."""
        return (*((m.name, power.idle_watts) for m, power in self.hosts), self._others)

    @property
    def _others(self) -> tuple[str, int]:
        return ("other devices", self.settings.other_watts)

    @property
    def usable_watt_hours(self) -> float:
        return self.settings.battery_watt_hours * self.settings.usable_share

    @property
    def shutdown_seconds(self) -> int:
        """From the order to go down until the last host is off."""
        return total(self.shutdown)

    def runtime_seconds(self, watts: int) -> int:
        """How long a full battery feeds that load."""
        return int(self.usable_watt_hours * 3600 / watts)

    @property
    def charge_for_shutdown(self) -> int:
        """Percent of a full battery that feed all hosts at their peak until they are off."""
        needed = self.shutdown_seconds * total(self.peak) / 3600
        return math.ceil(100 * needed / self.usable_watt_hours)


def total(terms: Terms) -> int:
    return sum(amount for _, amount in terms)


def supplies(topology: Topology) -> tuple[Supply, ...]:
    """Every UPS of the inventory, by the host that has its cable."""
    return tuple(
        Supply(held, machine, _fed(held, topology), _shutdown(held, machine, topology))
        for machine, held in topology.holders(Ups)
        if machine.name == held.server
    )


def clients(settings: Ups, topology: Topology) -> tuple[Machine, ...]:
    """The machines that go down with the server of these settings, and itself."""
    return tuple(m for m, held in topology.holders(Ups) if held.server == settings.server)


def _fed(settings: Ups, topology: Topology) -> tuple[tuple[Machine, Power], ...]:
    return tuple((m, m.power) for m in clients(settings, topology) if m.power is not None)


def _shutdown(settings: Ups, server: Machine, topology: Topology) -> Terms:
    """The others stop their stacks and go off first, then the server's guests, then itself."""
    others = len(clients(settings, topology)) > 1
    rest = (
        *((("stacks", settings.stacks_seconds),) if others or "docker" in server.groups else ()),
        *((("other hosts off", settings.poweroff_seconds),) if others else ()),
        *((("guests", settings.guests_seconds),) if topology.guests_of(server.name) else ()),
        ("server off", settings.poweroff_seconds),
    )
    return (
        ("notice", NOTICE_SECONDS),
        ("hostsync", settings.hostsync_seconds if others else 0),
        ("final delay", settings.final_delay_seconds),
        *rest,
    )
