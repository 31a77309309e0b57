"""UPS: every host would notice, nobody else gets a word in, and they go down as declared.

Nothing is switched off by this.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable

import pytest
from testinfra.host import Host

from deploys.node_exporter import NodeExporter
from deploys.nut import PORT
from deploys.topology import Machine, Topology
from deploys.ups import Ups, is_server, shutdown_plan
from deploys.ups_programs import PLAN, SHUTDOWN

SHOW_ON_FAILURE = (
    "journalctl --no-pager --lines 30 -u nut-monitor -u nut-server -u nut-driver@ups",
    "upsc -l",
)
# By NUT's own protocol (docs/net-protocol.txt); the password is read on the host, and stays there.
SESSION = """\
import socket, sys
address, user, password, *commands = sys.argv[1:]
if password == "-":
    lines = open("/etc/nut/upsmon.conf").read().splitlines()
    password = next(line.split()[4] for line in lines if line.startswith("MONITOR")).strip('"')
with socket.create_connection((address, 3493), timeout=10) as peer:
    answers = peer.makefile()
    for command in (f"USERNAME {user}", f"PASSWORD {password}", *commands):
        peer.sendall(f"{command}\\n".encode())
        answer = answers.readline().strip()
    print(answer)
"""


def python(host: Host, program: str, *arguments: str) -> str:
    """The output of a Python program that runs on the host."""
    return str(host.check_output(f"python3 -c {shlex.quote(program)} {shlex.join(arguments)}"))


@pytest.fixture
def server(settings: Ups, topology: Topology) -> Machine:
    return topology.machine(settings.server)


def variables(host: Host, server: Machine) -> dict[str, str]:
    text = host.check_output(f"upsc ups@{server.address}:{PORT} 2>/dev/null")
    return dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)


def test_it_asks_the_ups_through_the_server(host: Host, server: Machine) -> None:
    found = variables(host, server)
    assert float(found["battery.charge"]) > 0
    assert {"OL", "OB"} & set(found["ups.status"].split())


def test_its_monitor_is_logged_in(
    host: Host, machine: Machine, settings: Ups, server: Machine
) -> None:
    connected = host.check_output(f"upsc -c ups@{server.address}:{PORT} 2>/dev/null").split()
    assert ("127.0.0.1" if is_server(settings, machine) else machine.address) in connected


def test_the_hosts_go_down_at_the_declared_limits(
    host: Host, settings: Ups, server: Machine
) -> None:
    found = variables(host, server)
    assert found["battery.runtime.low"] == str(settings.low_runtime_seconds)
    assert found["battery.charge.low"] == str(settings.low_charge_percent)
    # Otherwise the device's own limit would count.
    assert found["driver.flag.ignorelb"] == "enabled"


def test_a_wrong_password_is_refused(host: Host, server: Machine) -> None:
    answer = python(host, SESSION, server.address, "secondary", "wrong", "LOGIN ups")
    assert answer == "ERR ACCESS-DENIED"


def test_a_client_may_not_send_the_others_down(
    host: Host, machine: Machine, settings: Ups, server: Machine
) -> None:
    """Asks for the right to, and does not use it."""
    is_primary = is_server(settings, machine)
    address, user = ("127.0.0.1", "primary") if is_primary else (server.address, "secondary")
    answer = python(host, SESSION, address, user, "-", "PRIMARY ups")
    assert answer.startswith("OK" if is_primary else "ERR ACCESS-DENIED")


def test_hosts_without_the_role_do_not_reach_the_server(
    topology: Topology, server: Machine, host_named: Callable[[str], Host]
) -> None:
    others = [m for m in topology.machines if "ups" not in m.groups and not m.may_be_absent]
    if not others:
        pytest.skip("every host of the inventory has the role")
    program = "import socket, sys; socket.create_connection((sys.argv[1], 3493), timeout=3)"
    command = f"python3 -c {shlex.quote(program)} {server.address}"
    assert "TimeoutError" in host_named(others[0].name).run(command).stderr


def test_the_server_listens_on_its_address_and_on_loopback_alone(
    host: Host, machine: Machine, settings: Ups
) -> None:
    wanted = [f"127.0.0.1:{PORT}", f"{machine.address}:{PORT}"]
    listening = host.check_output(f"ss -Hltn sport = :{PORT} | awk '{{ print $4 }}'").split()
    assert sorted(listening) == (sorted(wanted) if is_server(settings, machine) else [])


def test_a_shutdown_would_go_as_declared(
    host: Host, machine: Machine, settings: Ups, topology: Topology
) -> None:
    plan = shutdown_plan(settings, machine, topology)
    assert json.loads(host.file(PLAN).content_string) == plan
    order = host.check_output(f"python3 -B {SHUTDOWN} dry-run").splitlines()
    running = _projects(host)
    stacks = plan["stacks"]
    assert isinstance(stacks, list)
    declared = [f"stop {role}" for role in stacks if role in running]
    assert [line for line in order if line in declared] == declared
    others = [other for other in topology.having("ups") if other.name != machine.name]
    served = others if is_server(settings, machine) else []
    guests = ["stop the guests"] if topology.guests_of(machine.name) else []
    rest = [*(f"wait for {m.name} ({m.address})" for m in served), *guests, "power off"]
    assert order[len(order) - len(rest) :] == rest
    assert len(order) - len(rest) == len(running)


def _projects(host: Host) -> set[str]:
    form = '{{.Label "com.docker.compose.project"}}'
    command = f"command -v docker >/dev/null && docker ps --format {shlex.quote(form)} || :"
    return {line or "other containers" for line in host.check_output(command).splitlines()}


def test_the_monitor_runs_that_program_and_powers_off(host: Host) -> None:
    assert f"python3 -B {SHUTDOWN} run; systemctl poweroff" in (
        host.file("/etc/nut/upsmon.conf").content_string
    )


def test_passwords_are_for_root_and_nut_alone(host: Host) -> None:
    file = host.file("/etc/nut/upsmon.conf")
    assert (file.user, file.group, file.mode) == ("root", "nut", 0o640)


def test_it_all_starts_at_boot(host: Host, machine: Machine, settings: Ups) -> None:
    names = ["nut-monitor", *(["nut-server"] if is_server(settings, machine) else [])]
    assert all(host.service(name).is_enabled for name in [*names, "ai-idp-ups-resume"])
    # From NUT 2.8 on its units hang below a target.
    assert host.run("systemctl is-enabled nut.target").stdout.strip() in (
        "enabled",
        "not-found",
        "",
    )


def test_the_ups_is_told_to_switch_off_last(host: Host, machine: Machine, settings: Ups) -> None:
    if not is_server(settings, machine):
        assert host.run("grep -q '^driver' /etc/nut/ups.conf").rc != 0
        return
    hook = host.file("/lib/systemd/system-shutdown/nutshutdown")
    flag = 'POWERDOWNFLAG "/etc/killpower"'
    assert flag in host.file("/etc/nut/upsmon.conf").content_string
    assert hook.exists and hook.mode & 0o100
    assert not host.file("/etc/killpower").exists


def test_prometheus_can_know_of_it(
    host: Host, machine: Machine, settings: Ups, topology: Topology
) -> None:
    exporter = machine.settings["node_exporter"]
    assert isinstance(exporter, NodeExporter)
    url = f"http://{machine.address}:{exporter.port}/metrics"
    text = host.check_output(f"curl --noproxy '*' -sS {url}")
    told = is_server(settings, machine)
    assert ('\nnetwork_ups_tools_ups_status{flag="OL"}' in text) is told
    assert ("\nnetwork_ups_tools_battery_charge " in text) is told
