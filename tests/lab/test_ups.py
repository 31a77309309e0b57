"""A power failure, rehearsed with NUT itself: who goes down when, and that all of it comes back.

The UPS is NUT's `dummy-ups`, which reads its state from a file; nothing else is played.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Generator
from dataclasses import dataclass

import pytest

import inventory as production
from deploys.nut import MONITOR_PASSWORD, PRIMARY_PASSWORD
from lab.checkout import container_name
from lab.containers import wait_booted
from lab.engine import docker
from lab.ups import DEVICE
from tests.lab.conftest import converge, plan, shell
from tests.lab.power_events import PowerEvents
from tests.lab.waiting import wait_until

SERVER, DESKTOP, BOARD = "xps15", "schlimers-server", "jetson"
HOSTS = production.ups
METRICS = "/var/lib/prometheus/node-exporter/ai_idp_ups.prom"
WRITE_METRICS = "systemctl start ai-idp-ups-metrics"
BOOT = "cat /proc/sys/kernel/random/boot_id"
STARTED = (
    "docker ps -q --no-trunc | sort | xargs -r docker inspect -f '{{.Id}} {{.State.StartedAt}}'"
)
HEALTH = "docker ps --format '{{.Names}} {{.Status}}'"
GUESTS = [host[0] for host in production.all if host[1].get("guest")]


def supply(status: str, runtime: int = 2400) -> None:
    """Let the UPS say this from now on."""
    shell(
        SERVER,
        f"sed -i 's/^ups.status:.*/ups.status: {status}/; "
        f"s/^battery.runtime:.*/battery.runtime: {runtime}/' {DEVICE}",
    )


def told(name: str) -> str:
    return shell(SERVER, f"upsc ups {name} 2>/dev/null || :").strip()


def flag(name: str) -> str:
    """What Prometheus would read of a flag; empty where it would find nothing."""
    found = shell(SERVER, f"grep -F 'flag=\"{name}\"' {METRICS} || :")
    return found.strip().rpartition(" ")[2]


def written(name: str) -> str:
    """The flag in metrics that are written now; a writing that was under way may be of before."""
    shell(SERVER, WRITE_METRICS)
    return flag(name)


def alive() -> dict[str, str]:
    """What changes when a host restarts, or a container on it."""
    return {host: shell(host, f"{BOOT}; {STARTED} 2>/dev/null || :") for host in HOSTS}


@pytest.fixture(scope="module", autouse=True)
def mains() -> Generator[None]:
    """Around it all is converged, and every host that is off is switched on."""
    converge(*HOSTS, *GUESTS)
    for host in HOSTS:
        docker("update", "--restart=no", container_name(host))
    yield
    for host in HOSTS:
        docker("start", container_name(host))
        docker("update", "--restart=on-failure", container_name(host))
    wait_booted([*HOSTS, *GUESTS])
    supply("OL")


def test_a_short_outage_stops_nothing() -> None:
    before = alive()
    supply("OB", 1200)
    wait_until("the monitors know", lambda: _logged("on battery", before_now=60), 60)
    wait_until("the metrics say so", lambda: flag("OB") == "1", 30)
    supply("OL")
    wait_until("the UPS says that it is over", lambda: told("ups.status") == "OL", 60)
    # A monitor that knows of no end takes the UPS for dead when it cannot be asked any more.
    wait_until("the monitors know that too", lambda: _logged("on line power", 60), 60)
    shell(SERVER, WRITE_METRICS)
    assert (flag("OL"), flag("OB")) == ("1", "0")
    assert alive() == before


def _logged(text: str, before_now: int) -> bool:
    since = f"journalctl -u nut-monitor --since -{before_now}s --no-pager"
    return all(text in shell(host, since) for host in HOSTS)


def test_a_pulled_cable_is_seen_and_stops_nothing() -> None:
    before = alive()
    shell(SERVER, "systemctl stop nut-driver@ups")
    try:
        wait_until("the metrics do not say that all is well", lambda: written("OL") == "", 30)
        wait_until("the monitors notice", lambda: _logged("lost", 60), 40)
        # Longer than DEADTIME, after which NUT takes a UPS for dead that was on battery.
        time.sleep(16)
        assert alive() == before
    finally:
        shell(SERVER, "systemctl start nut-driver@ups")
    wait_until("it is back", lambda: told("ups.status") == "OL", 30)
    shell(SERVER, WRITE_METRICS)
    assert flag("OL") == "1"


@dataclass(frozen=True)
class Outage:
    """What went down in which order, what came back, and how long each took."""

    order: list[str]
    seconds_down: float
    seconds_up: float
    before: set[str]
    after: set[str]
    killed_power: bool


@pytest.fixture(scope="module")
def outage() -> Outage:
    running = healthy()
    with PowerEvents(DESKTOP) as events:
        began = time.monotonic()
        supply("OB", 1200)
        time.sleep(3)
        supply("OB", 60)
        wait_until("the server is off", lambda: events.has_ended(SERVER), 180)
        down = time.monotonic() - began
        order = events.order()
    killed_power = is_file(SERVER, "/etc/killpower")
    began = time.monotonic()
    mains_are_back()
    wait_booted([*HOSTS, *GUESTS])
    wait_until("all containers are healthy", lambda: healthy() == running, 180)
    return Outage(order, down, time.monotonic() - began, running, healthy(), killed_power)


def mains_are_back() -> None:
    docker("start", container_name(SERVER))
    supply("OL")
    for host in HOSTS:
        docker("start", container_name(host))


def healthy() -> set[str]:
    """The containers that run and are well, on the hosts that have a UPS and stacks."""
    rows = [
        row for host in (DESKTOP, BOARD) for row in shell(host, HEALTH, check=False).splitlines()
    ]
    sick = ("unhealthy", "starting")
    return {row.split()[0] for row in rows if " Up " in row and not any(x in row for x in sick)}


def is_file(host: str, path: str) -> bool:
    """Whether a host that is off has this file."""
    command = ["docker", "cp", f"{container_name(host)}:{path}", "-"]
    return subprocess.run(command, capture_output=True).returncode == 0


def test_stacks_go_before_their_host_in_the_reverse_order_of_their_roles(outage: Outage) -> None:
    roles = ["dcgm_exporter", "triton", "embeddings", "llama_cpp", "vllm"]
    stacks = [name for name in outage.order if name.endswith("-server-1")]
    assert stacks == [f"{role}-server-1" for role in roles]
    assert outage.order.index(stacks[-1]) < outage.order.index(DESKTOP)


def test_the_host_with_the_cable_goes_last_and_its_guests_before_it(outage: Outage) -> None:
    hosts = [name for name in outage.order if name in {*HOSTS, *GUESTS}]
    assert hosts[-1] == SERVER
    assert set(hosts[-1 - len(GUESTS) : -1]) == set(GUESTS)
    assert set(hosts[: -1 - len(GUESTS)]) == {DESKTOP, BOARD}


def test_the_ups_is_to_cut_its_sockets(outage: Outage) -> None:
    assert outage.killed_power


def test_everything_comes_back_without_hands(outage: Outage) -> None:
    assert outage.after == outage.before
    assert len(outage.after) >= 5
    assert plan(*HOSTS, *GUESTS).exit_code == 0


def test_the_monitors_are_logged_in_again(outage: Outage) -> None:
    wait_until("all monitors are back", lambda: len(_connected()) == len(HOSTS), 60)


def _connected() -> list[str]:
    return shell(SERVER, "upsc -c ups 2>/dev/null || :").split()


def test_it_is_done_in_the_time_that_the_battery_is_checked_for(outage: Outage) -> None:
    print(f"down in {outage.seconds_down:.0f} s, up in {outage.seconds_up:.0f} s")
    assert outage.seconds_down < 180


def test_no_password_stands_in_a_command_line_or_in_the_journal() -> None:
    secrets = shell(
        SERVER, "sed -n 's/.*password = \"\\(.*\\)\"/\\1/p' /etc/nut/upsd.users"
    ).split()
    assert len(secrets) == len({MONITOR_PASSWORD, PRIMARY_PASSWORD})
    look = "cat /proc/[0-9]*/cmdline | tr '\\0' ' '; journalctl -b --no-pager"
    for host in HOSTS:
        said = shell(host, f"{look} 2>/dev/null", check=False)
        assert not [secret for secret in secrets if secret in said]
