"""Power: the sums of a UPS, what preflight refuses of them, and how they are shown."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

import power_reference
from budget import power_report
from budget.power import Supply, supplies, total
from deploys.guest import Guest
from deploys.power import Power
from deploys.topology import Machine, Topology
from deploys.ups import Ups
from preflight import power
from preflight.problems import Problem
from tests.unit.changed_inventory import production

GOOD: dict[str, Any] = {
    "server": "node",
    "watts": 900,
    "volt_amperes": 1500,
    "battery_watt_hours": 216,
    "low_runtime_seconds": 360,
}
DRAW = {"node": Power(idle_watts=15, peak_watts=130), "desk": Power(idle_watts=75, peak_watts=580)}
GUEST = Guest(node="node", vmid=101, cores=1, memory_mib=512, disk_gib=4)


def topology(draw: dict[str, Power | None] | None = None, **values: Any) -> Topology:
    settings = Ups(**{**GOOD, **values})
    hosts = {**DRAW, **(draw or {})}
    machines = [
        Machine(name, f"192.0.2.{number}", ("ups",), {"ups": settings}, {"power": drawn})
        for number, (name, drawn) in enumerate(hosts.items(), 1)
    ]
    guest = Machine("inside", "192.0.2.9", (), {}, {"guest": GUEST})
    return Topology((*machines, guest), ("ups",))


def supply(**values: Any) -> Supply:
    (found,) = supplies(topology(**values))
    return found


def refused(found: list[Problem]) -> list[str]:
    return [str(problem) for problem in found]


def test_a_ups_that_carries_its_hosts_is_refused_nothing() -> None:
    rules = (power.unknown, power.overloaded, power.too_short, power.too_late)
    assert [problem for rule in rules for problem in rule(topology())] == []


def test_a_host_that_does_not_say_what_it_draws_is_refused() -> None:
    assert refused(power.unknown(topology({"desk": None}))) == [
        "desk: hangs on the UPS, but the inventory does not say what it draws; give it `power` "
        "there: Power(idle_watts=..., peak_watts=...)"
    ]


def test_more_watts_than_the_ups_delivers_are_refused() -> None:
    assert refused(power.overloaded(topology(watts=700))) == [
        "UPS of node (700 W): node 130 + desk 580 + other devices 20 = 730 W, 30 W too much; take "
        "a larger one, or take a host off it in `ups` of inventory.py"
    ]


def test_exactly_as_many_watts_are_not() -> None:
    assert power.overloaded(topology(watts=730)) == []


def test_a_battery_that_is_empty_before_all_are_off_is_refused() -> None:
    assert refused(power.too_short(topology(battery_watt_hours=150))) == [
        "UPS of node: its battery of 150 Wh x 0.4 / 730 W = 295 s, but to go down takes notice 5 + "
        "hostsync 15 + final delay 5 + stacks 90 + other hosts off 60 + guests 90 + server off 60 "
        "= 325 s; take a larger one, or take a host off it in `ups` of inventory.py, or shorten "
        "the times in group_data/ups.py"
    ]


def test_going_down_too_late_is_refused() -> None:
    assert refused(power.too_late(topology(low_runtime_seconds=324))) == [
        "UPS of node: the hosts begin to go down at an estimated runtime of 324 s, but that takes "
        "notice 5 + hostsync 15 + final delay 5 + stacks 90 + other hosts off 60 + guests 90 + "
        "server off 60 = 325 s; set low_runtime_seconds of 325 at least in group_data/ups.py"
    ]
    assert power.too_late(topology(low_runtime_seconds=325)) == []


def test_a_server_alone_waits_for_nobody() -> None:
    node = topology().machines[0]
    (alone,) = supplies(Topology((node,), ("ups",)))
    terms = [("notice", 5), ("hostsync", 0), ("final delay", 5), ("server off", 60)]
    assert list(alone.shutdown) == terms
    engine = replace(node, groups=("docker", "ups"))
    (with_stacks,) = supplies(Topology((engine,), ("ups",)))
    assert ("stacks", 90) in with_stacks.shutdown


def test_the_charge_that_going_down_takes_is_rounded_up() -> None:
    # 325 s of the 426.08 s that 216 Wh x 0.4 last at 730 W.
    assert supply().charge_for_shutdown == 77


def test_the_runtime_follows_from_the_battery_and_the_load() -> None:
    found = supply()
    assert found.runtime_seconds(total(found.peak)) == int(216 * 0.4 * 3600 / 730)
    assert total(found.idle) == 15 + 75 + 20


def test_a_peak_below_idle_is_refused() -> None:
    with pytest.raises(ValueError, match="peak_watts 10 is less than idle_watts 20"):
        Power(idle_watts=20, peak_watts=10)


def drawn(**values: Any) -> str:
    console = Console(file=io.StringIO(), width=100, highlight=False)
    console.print(power_report.drawn(supply(**values)))
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_the_budget_shows_each_host_its_share_and_the_sum() -> None:
    found = re.sub(r" +", " ", drawn())
    assert "UPS of node: 900 W, 1500 VA" in found
    assert " desk 75 580 64% " in found
    assert " all 110 730 81% " in found
    assert "lasts 47 min at idle and 7 min at peak." in found


def test_the_page_of_power_is_current() -> None:
    page = power_reference.DOCUMENT.read_text(encoding="utf-8")
    assert page == power_reference.reference(), "run `make docs`"


def test_production_s_hosts_fit_their_ups() -> None:
    (found,) = supplies(production())
    assert [machine.name for machine, _ in found.hosts] == ["schlimers-server", "xps15", "jetson"]
    assert total(found.peak) <= found.settings.watts
