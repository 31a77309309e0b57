"""Network: a subnet that nothing else on this machine uses, and the address of every host in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from lab.checkout import LABEL, NAME, NETWORK_FILE
from lab.engine import LabError, docker

RANGE = IPv4Network("10.214.0.0/16")
"""Every lab's subnet is one /24 of this range."""

OUTSIDE_WORLD, NAS, FIRST_HOST = 2, 3, 11
ROUTES = Path("/proc/net/route")


@dataclass(frozen=True)
class Network:
    """What ``.lab/network.json`` holds: the subnet and who lives where in it."""

    name: str
    subnet: str
    outside_world: str
    hosts: dict[str, str]

    @property
    def nas(self) -> str:
        """The address of the NAS."""
        return str(IPv4Network(self.subnet)[NAS])


def read() -> Network:
    """The network of this checkout's lab; LabError where the lab is not up."""
    if not NETWORK_FILE.exists():
        raise LabError("the lab is not up (no .lab/network.json): run `make lab`")
    return Network(**json.loads(NETWORK_FILE.read_text()))


def gateway() -> dict[str, str | int]:
    """The lab's way out, which Docker is, and the size of its network."""
    subnet = IPv4Network(read().subnet)
    return {"gateway": str(subnet[1]), "prefix_length": subnet.prefixlen}


def exists() -> bool:
    """Whether Docker has this checkout's network."""
    return bool(docker("network", "ls", "--quiet", "--filter", f"name=^{NAME}$").strip())


def ensure(names: tuple[str, ...]) -> Network:
    """Make the network where it is missing, and give each of ``names`` an address for good."""
    kept = read() if NETWORK_FILE.exists() else None
    if kept is None or not (exists() or _created(kept.subnet)):
        kept = None
    network = _addressed(names, kept.subnet if kept else _create(), kept.hosts if kept else {})
    NETWORK_FILE.parent.mkdir(mode=0o700, exist_ok=True)
    NETWORK_FILE.write_text(json.dumps(asdict(network), indent=2) + "\n")
    return network


def remove() -> None:
    """Remove this checkout's network from Docker, if it is there."""
    if exists():
        docker("network", "rm", NAME)


def _create() -> str:
    """Make the network on the first free subnet and return that, as ``10.214.7.0/24``."""
    for subnet in _candidates():
        if _created(str(subnet)):
            return str(subnet)
    raise LabError(f"no /24 of {RANGE} is free for the lab: remove a lab with `python -m lab down`")


def _created(subnet: str) -> bool:
    try:
        docker("network", "create", "--label", LABEL, "--subnet", subnet, NAME)
    except LabError as error:
        # The engine refuses a subnet that another of its networks has; whoever comes first wins.
        if "overlap" not in str(error):
            raise
        return False
    return True


def _candidates() -> Iterator[IPv4Network]:
    """Subnets without a route on this machine, from one that depends on the checkout on."""
    subnets = list(RANGE.subnets(new_prefix=24))
    start = int(hashlib.sha256(NAME.encode()).hexdigest(), 16) % len(subnets)
    routed = list(_routed())
    for subnet in (*subnets[start:], *subnets[:start]):
        if not any(subnet.overlaps(route) for route in routed):
            yield subnet


def _routed() -> Iterator[IPv4Network]:
    """The destinations of this machine's routes; proc(5) has them as little-endian hex."""
    for line in ROUTES.read_text().splitlines()[1:]:
        destination, mask = (bytes.fromhex(line.split()[column])[::-1] for column in (1, 7))
        if any(mask):
            yield IPv4Network((IPv4Address(destination), str(IPv4Address(mask))))


def _addressed(names: tuple[str, ...], subnet: str, known: dict[str, str]) -> Network:
    base = IPv4Network(subnet).network_address
    hosts = {name: known[name] for name in names if name in known}
    taken = set(known.values())
    free = (str(base + number) for number in range(FIRST_HOST, 255))
    for name in names:
        if name not in hosts:
            hosts[name] = next(address for address in free if address not in taken)
    return Network(NAME, subnet, str(base + OUTSIDE_WORLD), {name: hosts[name] for name in names})
