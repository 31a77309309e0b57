"""The role ups: who serves, what NUT's files say by version, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploys.declarations import Port
from deploys.guest import Guest
from deploys.nut import (
    MONITOR_PASSWORD,
    PRIMARY_PASSWORD,
    NutHost,
    configuration,
    package_names,
    steps,
    units,
)
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from deploys.ups import Ups, others, shutdown_plan
from deploys.ups_programs import metrics_files, shutdown_command, shutdown_files
from facts.distribution import Linux
from operations.entries import Entry, File, Link
from secret_store import SecretStore

GOOD: dict[str, Any] = {
    "server": "node",
    "watts": 900,
    "volt_amperes": 1500,
    "battery_watt_hours": 216,
    "low_runtime_seconds": 360,
}
UPS = Ups(**GOOD)
DEBIAN, JAMMY = Linux("debian", "13", "trixie"), Linux("ubuntu", "22.04", "jammy")


class Stack(Settings):
    role = "stack"


class Later(Settings):
    role = "later"


def machine(name: str, address: str, *roles: Settings, **data: Any) -> Machine:
    held: dict[str, Settings] = {settings.role: settings for settings in (*roles, UPS)}
    return Machine(name, address, tuple(held), held, data)


NODE = machine("node", "192.0.2.1")
DESK = machine("desk", "192.0.2.2", Stack(), Later())
BOARD = machine("board", "192.0.2.3", may_be_absent=True)
GUEST = Machine(
    *("inside", "192.0.2.9", (), {}),
    {"guest": Guest(node="node", vmid=101, cores=1, memory_mib=512, disk_gib=4)},
)
TOPOLOGY = Topology((DESK, NODE, GUEST, BOARD), ("ups",))
SERVER, CLIENT = NutHost(NODE, NODE, DEBIAN), NutHost(DESK, NODE, DEBIAN)
OLDER_SERVER = NutHost(NODE, NODE, JAMMY)


@pytest.fixture
def store(tmp_path: Path) -> SecretStore:
    store = SecretStore(tmp_path / "secrets", tmp_path / "identity.txt")
    store.ensure(UPS.secrets())
    return store


def files(entries: list[Entry]) -> dict[str, File]:
    return {entry.path: entry for entry in entries if isinstance(entry, File)}


def nut(machine: Machine, store: SecretStore, linux: Linux = DEBIAN) -> dict[str, str]:
    found = files(configuration(UPS, NutHost(machine, NODE, linux), "poweroff", store))
    return {
        path.removeprefix("/etc/nut/"): file.content.decode()
        for path, file in found.items()
        if path.startswith("/etc/nut/")
    }


def test_the_server_alone_is_reached_and_by_hosts_of_the_role_alone() -> None:
    assert UPS.ports_on(NODE) == (Port(3493, "UPS", ("ups",)),)
    assert UPS.ports_on(DESK) == ()
    assert [e.role for e in NODE.exposures()] == ["ups"]
    assert DESK.exposures() == ()


def test_it_listens_on_its_address_and_on_loopback_and_nowhere_else(store: SecretStore) -> None:
    listening = [x for x in nut(NODE, store)["upsd.conf"].splitlines() if x.startswith("LISTEN")]
    assert listening == ["LISTEN 127.0.0.1 3493", "LISTEN 192.0.2.1 3493"]


def test_a_client_has_no_driver_and_no_server(store: SecretStore) -> None:
    assert package_names(CLIENT) == ["nut-client"]
    assert set(nut(DESK, store)) == {"nut.conf", "upsmon.conf"}
    assert "MODE=netclient" in nut(DESK, store)["nut.conf"]
    assert "MODE=netserver" in nut(NODE, store)["nut.conf"]
    assert units(CLIENT) == ["nut-monitor"]


def monitor(text: str) -> list[str]:
    (line,) = (line for line in text.splitlines() if line.startswith("MONITOR"))
    return line.split()[1:]


@pytest.mark.parametrize(
    ("linux", "primary", "secondary"),
    [
        (DEBIAN, "primary", "secondary"),
        (Linux("debian", "12", "bookworm"), "primary", "secondary"),
        (Linux("ubuntu", "24.04", "noble"), "primary", "secondary"),
        (JAMMY, "master", "slave"),
    ],
)
def test_the_two_kinds_of_monitor_are_called_as_the_version_calls_them(
    store: SecretStore, linux: Linux, primary: str, secondary: str
) -> None:
    of_all = store.get(PRIMARY_PASSWORD).get_secret_value()
    of_clients = store.get(MONITOR_PASSWORD).get_secret_value()
    assert monitor(nut(NODE, store, linux)["upsmon.conf"]) == [
        *("ups@127.0.0.1:3493", "1", "primary", f'"{of_all}"', primary)
    ]
    assert monitor(nut(DESK, store, linux)["upsmon.conf"]) == [
        *("ups@192.0.2.1:3493", "1", "secondary", f'"{of_clients}"', secondary)
    ]
    users = nut(NODE, store, linux)["upsd.users"]
    assert f"upsmon {primary}\n" in users
    assert f"upsmon {secondary}\n" in users


def test_a_client_does_not_know_the_password_that_sends_all_hosts_down(store: SecretStore) -> None:
    secret = store.get(PRIMARY_PASSWORD).get_secret_value()
    assert not [name for name, text in nut(DESK, store).items() if secret in text]


def test_passwords_are_for_root_and_nut_alone(store: SecretStore) -> None:
    found = files(configuration(UPS, SERVER, "poweroff", store))
    secret = {path for path, file in found.items() if file.secret}
    assert secret == {"/etc/nut/upsmon.conf", "/etc/nut/upsd.users"}
    in_nut = [file for path, file in found.items() if path.startswith("/etc/nut/")]
    assert {(file.mode, file.owner, file.group) for file in in_nut} == {("0640", "root", "nut")}
    values = [store.get(name).get_secret_value() for name in UPS.secrets()]
    shown = [file.content.decode() for file in found.values() if not file.secret]
    assert not [value for value in values for text in shown if value in text]


def test_each_driver_has_its_unit_and_nothing_else_meddles_with_it(store: SecretStore) -> None:
    assert units(SERVER) == [
        *("nut-driver@ups", "nut-server", "nut-monitor", "ai-idp-ups-metrics.timer")
    ]
    assert "ai-idp-ups-resume.service nut.target\n" in steps(SERVER).activate
    links = [e for e in configuration(UPS, SERVER, "poweroff", store) if isinstance(e, Link)]
    assert {(link.path.rpartition("/")[2], link.target) for link in links} == {
        ("nut-driver-enumerator.path", "/dev/null"),
        ("nut-driver-enumerator.service", "/dev/null"),
    }


def test_an_older_nut_has_one_unit_for_all_drivers(store: SecretStore) -> None:
    assert units(OLDER_SERVER)[0] == "nut-server"
    assert "nut.target" not in steps(OLDER_SERVER).activate
    assert "restart nut-driver nut-server" in steps(OLDER_SERVER).activate
    entries = configuration(UPS, OLDER_SERVER, "poweroff", store)
    assert not [entry for entry in entries if isinstance(entry, Link)]


def test_our_limits_replace_those_of_the_device(store: SecretStore) -> None:
    text = nut(NODE, store)["ups.conf"]
    for line in (
        *("driver = usbhid-ups", 'port = "auto"', 'offdelay = "60"', "ignorelb"),
        *("override.battery.charge.low = 25", "override.battery.runtime.low = 360"),
    ):
        assert f"    {line}\n" in text


def plan(machine: Machine) -> dict[str, object]:
    return shutdown_plan(UPS, machine, TOPOLOGY)


def test_stacks_stop_in_the_reverse_order_of_their_roles() -> None:
    assert plan(DESK)["stacks"] == ["ups", "later", "stack"]


def test_the_server_waits_for_all_others_and_stops_its_guests_last() -> None:
    assert plan(NODE) == {
        "stacks": ["ups"],
        "stacks_seconds": 90,
        "wait_for": {"desk": "192.0.2.2", "board": "192.0.2.3"},
        "wait_seconds": 150,
        "guests_seconds": 90,
    }
    assert (plan(DESK)["wait_for"], plan(DESK)["wait_seconds"]) == ({}, 0)
    assert plan(DESK)["guests_seconds"] == 0


def test_power_goes_off_whatever_becomes_of_the_program() -> None:
    assert shutdown_command(plan(NODE)) == (
        "timeout --kill-after=5 360 python3 -B /usr/local/lib/ai-idp/ups_shutdown.py run; "
        "systemctl poweroff"
    )


def test_the_plan_on_the_host_is_what_was_declared() -> None:
    found = files(shutdown_files(plan(DESK)))
    assert json.loads(found["/etc/ai-idp/ups-shutdown.json"].content) == plan(DESK)


def test_a_host_that_may_be_absent_is_not_missed_in_the_metrics() -> None:
    unit = files(metrics_files(others(NODE, TOPOLOGY)))[
        "/etc/systemd/system/ai-idp-ups-metrics.service"
    ].content.decode()
    assert "ai_idp_ups.prom desk=192.0.2.2\n" in unit


def test_the_server_s_own_checker_reads_the_staged_file() -> None:
    assert 'NUT_CONFPATH="$STAGE/etc/nut" upsdrvctl -t start ups' in steps(SERVER).validate
    assert "upsdrvctl" not in steps(CLIENT).validate


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"watts": 1600}, "1600 W is more than 1500 VA, which no UPS delivers"),
        ({"driver": "../usbhid"}, "String should match pattern"),
        ({"driver_port": 'a"b'}, "String should match pattern"),
        ({"driver_options": {"port": "auto"}}, "port is set by this role"),
        ({"driver_options": {"vendorid": '05"1D'}}, "is no option of ups.conf"),
        ({"low_charge_percent": 96}, "less than or equal to 95"),
        ({"usable_share": 0}, "greater than 0"),
    ],
)
def test_a_setting_that_cannot_be_is_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Ups(**{**GOOD, **values})


def conflicts(settings: Ups, machine: Machine, topology: Topology = TOPOLOGY) -> list[str]:
    return [f"{x.what}; {x.remedy}" for x in settings.conflicts(machine, topology)]


def test_a_server_that_has_the_role_conflicts_with_nothing() -> None:
    assert conflicts(UPS, NODE) == conflicts(UPS, DESK) == []


def test_a_server_without_the_role_is_refused() -> None:
    assert conflicts(Ups(**{**GOOD, "server": "other"}), DESK) == [
        "`server` names other, which does not have the role; add other to `ups` in inventory.py, "
        "or correct group_data/ups.py"
    ]


def test_a_guest_is_its_node_s_to_stop() -> None:
    inside = replace(GUEST, settings={"ups": UPS}, groups=("ups",))
    assert conflicts(UPS, inside) == [
        "is a guest of node, which stops it; take it out of `ups` in inventory.py"
    ]
