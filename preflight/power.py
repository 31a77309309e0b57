"""Checks of power: the UPS carries the hosts at their peak, and lasts until all of them are off."""

from __future__ import annotations

from budget.amounts import written
from budget.power import Supply, clients, supplies, total
from deploys.topology import Topology
from preflight.problems import Problem

_REMEDY = "take a larger one, or take a host off it in `ups` of inventory.py"


def unknown(topology: Topology) -> list[Problem]:
    """A UPS can be held against its hosts only where each says what it draws."""
    return [
        Problem(
            machine.name,
            "hangs on the UPS, but the inventory does not say what it draws",
            "give it `power` there: Power(idle_watts=..., peak_watts=...)",
        )
        for supply in supplies(topology)
        for machine in clients(supply.settings, topology)
        if machine.power is None
    ]


def overloaded(topology: Topology) -> list[Problem]:
    """A UPS that is overloaded switches off at once, when the mains are gone."""
    return [
        Problem(
            f"UPS of {supply.server.name} ({supply.settings.watts} W)",
            f"{written(supply.peak)} = {peak} W, {peak - supply.settings.watts} W too much",
            _REMEDY,
        )
        for supply in supplies(topology)
        if (peak := total(supply.peak)) > supply.settings.watts
    ]


def too_short(topology: Topology) -> list[Problem]:
    """A full battery at full load has to last longer than the hosts take to go down."""
    return [
        Problem(
            f"UPS of {supply.server.name}",
            f"{_battery(supply)} / {peak} W = {runtime} s, but to go down takes "
            f"{written(supply.shutdown)} = {supply.shutdown_seconds} s",
            f"{_REMEDY}, or shorten the times in group_data/ups.py",
        )
        for supply in supplies(topology)
        for peak in [total(supply.peak)]
        if (runtime := supply.runtime_seconds(peak)) < supply.shutdown_seconds
    ]


def too_late(topology: Topology) -> list[Problem]:
    """What the battery still has when the hosts begin to go down lasts until they are off."""
    return [
        Problem(
            f"UPS of {supply.server.name}",
            f"the hosts begin to go down at an estimated runtime of {low} s, but that takes "
            f"{written(supply.shutdown)} = {supply.shutdown_seconds} s",
            f"set low_runtime_seconds of {supply.shutdown_seconds} at least in group_data/ups.py",
        )
        for supply in supplies(topology)
        if (low := supply.settings.low_runtime_seconds) < supply.shutdown_seconds
    ]


def _battery(supply: Supply) -> str:
    settings = supply.settings
    return f"its battery of {settings.battery_watt_hours} Wh x {settings.usable_share:g}"
