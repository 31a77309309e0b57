"""What tests of the gateway share: a sample upstream on it, and clients on another host."""

from __future__ import annotations

import json
import ssl
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import certificates
import inventory_json
from certificates import Authority
from lab import network
from lab.checkout import ROOT, container_name
from tests.lab.conftest import INVENTORY, shell
from tests.lab.waiting import wait_until
from tests.verify.gateway import Gateway

GATEWAY, CLIENT, OBSERVATION = "sclimers-gateway", "sclimers-automation", "sclimers-observation"
NAME = "gateway.ai-idp.home.arpa"
PORT = 18080
END = "/run/sample-upstream-end"
HERE = Path(__file__).parent


def data() -> dict[str, Any]:
    """What the inventory says of the gateway."""
    hosts = inventory_json.read(ROOT / INVENTORY)
    return next(host.data for host in hosts if host.name == GATEWAY)


def authority() -> Authority:
    return certificates.for_data(data())


def from_here() -> Gateway:
    """The gateway as this computer uses it, whatever the authority is by now."""
    trust = ssl.create_default_context(cafile=authority().certificate_path)
    return Gateway(network.read().hosts[GATEWAY], NAME, trust)


@contextmanager
def upstream() -> Generator[None]:
    """The sample upstream on the gateway's loopback, where no firewall is asked."""
    shell(GATEWAY, f"rm -f {END}")
    command = ["docker", "exec", "-i", container_name(GATEWAY), "python3", "-", str(PORT), END]
    with (HERE / "sample_upstream.py").open() as program:
        serving = subprocess.Popen(command, stdin=program)
    address = f"http://127.0.0.1:{PORT}/"
    try:
        wait_until(
            "the sample upstream answers",
            lambda: bool(shell(GATEWAY, f"curl -s {address}", check=False)),
        )
        yield
    finally:
        shell(GATEWAY, f"touch {END}; pkill -f '^python3 - {PORT} {END}$'", check=False)
        serving.wait(timeout=30)
        shell(GATEWAY, f"rm -f {END}")


def clients(path: str, number: int, requests: int = 1) -> subprocess.Popen[bytes]:
    """So many clients on another host, each with so many requests one after the other."""
    arguments = (NAME, path, str(number), str(requests))
    command = ["docker", "exec", "-i", container_name(CLIENT), "python3", "-", *arguments]
    with (HERE / "gateway_clients.py").open() as program:
        return subprocess.Popen(command, stdin=program, stdout=subprocess.PIPE)


def answers(asking: subprocess.Popen[bytes]) -> list[dict[str, Any]]:
    """What each of those requests was answered."""
    said, _ = asking.communicate(timeout=300)
    found: list[dict[str, Any]] = json.loads(said)
    return found
