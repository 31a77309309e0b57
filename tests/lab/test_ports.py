"""Port scan: from every host, and from this computer, no port answers that nobody declared."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

import inventory_json
from deploys.declarations import EVERYONE
from deploys.ssh import Ssh
from deploys.topology import Exposure, Machine, Topology
from lab import network
from lab.checkout import ROOT
from tests.lab.conftest import converge, shell
from tests.lab.waiting import wait_until

COMPUTER = "this computer"
OPENED = "opened-by-hand"
WELL_KNOWN = (
    *(21, 22, 23, 25, 53, 80, 111, 139, 443, 445, 631, 873, 2049, 2375, 2376, 2377, 3000, 3306),
    *(4243, 5000, 5355, 5432, 5601, 5678, 6379, 7946, 8000, 8001, 8002, 8003, 8006, 8010, 8011),
    *(8012, 8080, 8081, 8090, 8443, 8888, 9000, 9090, 9091, 9093, 9100, 9115, 9200, 9323, 9400),
    *(10250, 11434, 27017, 50051, 50052),
)
"""What servers of this kind, the engine and its neighbours listen on by default."""
SECONDS, PATIENT_SECONDS = 2, 5
SCAN = Path(__file__).with_name("port_scan.py")
Endpoint = tuple[str, int]


@pytest.fixture(scope="module", autouse=True)
def start_converged() -> None:
    """Nothing is scanned whose firewall is not as it should be."""
    converge(deploy="deploys.firewall.install")


@cache
def topology() -> Topology:
    return inventory_json.topology(inventory_json.read(ROOT / "lab" / "inventory.py"))


@cache
def address_of(source: str) -> str:
    if source == COMPUTER:
        return str(next(ip_network(network.read().subnet).hosts()))
    return topology().machine(source).address


@cache
def listening() -> frozenset[Endpoint]:
    """Every TCP port of every host on which something but loopback hears, by the kernel's word."""
    return frozenset(
        (machine.name, port) for machine in topology().machines for port in _listening(machine)
    )


def _listening(machine: Machine) -> set[int]:
    """Ports of /proc/net/tcp and tcp6 in the state 0A (LISTEN)."""
    command = "awk '$4 == \"0A\" {print $2}' /proc/net/tcp /proc/net/tcp6"
    pairs = (line.rsplit(":", 1) for line in shell(machine.name, command).split())
    loopback = ("0100007F", "00000000000000000000000001000000")
    return {int(port, 16) for address, port in pairs if not address.endswith(loopback)}


def allowed() -> set[tuple[str, str, int]]:
    """Source, host and port of every connection that the exposure table lets through."""
    return {
        (source, exposure.machine.name, exposure.port.number)
        for exposure in topology().exposures()
        for source in sources()
        if source != exposure.machine.name and exposure.port.protocol == "tcp"
        if _lets_in(exposure, address_of(source))
    }


def _lets_in(exposure: Exposure, address: str) -> bool:
    settings = exposure.machine.settings[exposure.role]
    if isinstance(settings, Ssh):
        networks = settings.allowed_networks or exposure.machine.data["networks"]
        return any(ip_address(address) in ip_network(str(known)) for known in networks)
    groups = exposure.port.reachable_from
    return EVERYONE in groups or address in topology().addresses(groups)


def sources() -> list[str]:
    return [*(machine.name for machine in topology().machines), COMPUTER]


def answering(source: str, endpoints: Iterable[Endpoint], seconds: int) -> set[Endpoint]:
    """Those of `endpoints` to which a connection from `source` comes about, in one command."""
    asked = {f"{topology().machine(name).address}:{port}": (name, port) for name, port in endpoints}
    words = ["python3", "-c", SCAN.read_text(), str(seconds), *asked]
    if source == COMPUTER:
        found = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    else:
        found = shell(source, shlex.join(words))
    return {asked[endpoint] for endpoint in found.split()}


@cache
def scanned() -> frozenset[tuple[str, str, int]]:
    """Source, host and port of every connection that came about."""
    ports = {*WELL_KNOWN, *(e.port.number for e in topology().exposures())}
    ports |= {port for _, port in listening()}
    names = [machine.name for machine in topology().machines]

    def scan(source: str) -> set[tuple[str, str, int]]:
        endpoints = [(name, port) for name in names for port in ports if name != source]
        return {(source, *found) for found in answering(source, endpoints, SECONDS)}

    with ThreadPoolExecutor(max_workers=2) as pool:
        return frozenset(found for each in pool.map(scan, sources()) for found in each)


@pytest.mark.parametrize("source", [*sorted(network.read().hosts), COMPUTER])
def test_no_port_answers_but_those_that_the_exposure_table_lists(source: str) -> None:
    found = {(host, port) for client, host, port in scanned() if client == source}
    assert found - {(host, port) for client, host, port in allowed() if client == source} == set()


@pytest.mark.parametrize("source", [*sorted(network.read().hosts), COMPUTER])
def test_every_port_answers_that_the_exposure_table_lists_and_somebody_serves(source: str) -> None:
    wanted = {(h, p) for client, h, p in allowed() if client == source and (h, p) in listening()}
    missing = wanted - {(h, p) for client, h, p in scanned() if client == source}
    # A busy computer takes longer than a scan waits.
    assert wanted
    assert missing - answering(source, missing, PATIENT_SECONDS) == set()


@pytest.fixture
def opened() -> Generator[Endpoint]:
    """A server that somebody started, behind a rule that somebody wrote."""
    host, port = "sclimers-mlflow", 2049
    shell(host, f"nft insert rule inet ai_idp input tcp dport {port} accept")
    server = f"python3 -m http.server {port}"
    shell(host, f"systemd-run --quiet --collect --unit {OPENED} {server}")
    try:
        wait_until("it listens", lambda: port in _listening(topology().machine(host)))
        yield (host, port)
    finally:
        shell(host, f"systemctl stop {OPENED}; nft --file /etc/ai-idp/firewall.nft")


@pytest.mark.parametrize("source", ["xps13", COMPUTER])
def test_the_scan_would_see_a_port_that_somebody_opened(source: str, opened: Endpoint) -> None:
    closed = (opened[0], opened[1] + 1)
    assert answering(source, [opened, closed], PATIENT_SECONDS) == {opened}
