"""Preflight's rules, each on a topology that keeps it and on one that breaks it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from paramiko import ECDSAKey
from pydantic import Field

import deploys
import secret_store
from deploys.declarations import EVERYONE, Conflict, GivenSecret, Port, Scrape
from deploys.roles import settings_class
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from preflight import access, addresses, ports, roles, scrapes, secrets, selection
from preflight.invocation import Invocation
from preflight.problems import Problem

SAMPLE_ROLES = Path(__file__).parent / "sample_roles"
Rule = Callable[[Topology], list[Problem]]


class Server(Settings):
    """Stands for any server with an API and metrics on one port."""

    role = "server"
    requires = ("engine",)
    port: int = Field(default=8000, description="API and metrics")
    protocol: Any = Field(default="tcp", description="Of the port")
    reachable_from: tuple[str, ...] = Field(default=("prometheus",), description="Of the port")
    scraped_port: int = Field(default=8000, description="Where metrics are looked for")

    def ports(self) -> tuple[Port, ...]:
        return (Port(self.port, "API", self.reachable_from, self.protocol),)

    def scrapes(self) -> tuple[Scrape, ...]:
        return (Scrape("server", self.scraped_port),)


class Loner(Settings):
    """Stands for a role that does not go with another."""

    role = "loner"

    def conflicts(self, machine: Machine, topology: Topology) -> tuple[Conflict, ...]:
        others = [role for role in machine.settings if role != self.role]
        return tuple(Conflict(f"is not alone with {role}", "take one away") for role in others)


class Exporter(Settings):
    role = "exporter"
    port: int = Field(default=9100, description="Metrics")

    def ports(self) -> tuple[Port, ...]:
        return (Port(self.port, "metrics", (EVERYONE,)),)

    def scrapes(self) -> tuple[Scrape, ...]:
        return (Scrape("exporter", self.port),)


def machine(
    *settings: Settings,
    name: str = "one",
    address: str = "192.0.2.1",
    groups: tuple[str, ...] = (),
    **data: Any,
) -> Machine:
    by_role = {held.role: held for held in settings}
    return Machine(name, address, (*by_role, *groups), by_role, data)


def topology(*machines: Machine, groups: tuple[str, ...] = ()) -> Topology:
    found = [group for member in machines for group in member.groups]
    return Topology(machines, tuple(dict.fromkeys([*found, *groups])))


@pytest.fixture
def sample_roles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deploys, "__path__", [*deploys.__path__, str(SAMPLE_ROLES)])


def sample(role: str) -> Settings:
    found = settings_class(role)
    assert found is not None
    return found()


KEPT: dict[str, tuple[Rule, Topology]] = {
    "one listener for each port": (ports.clashing, topology(machine(Server(), Exporter()))),
    "the same port on two hosts": (
        ports.clashing,
        topology(machine(Server()), machine(Server(), name="two")),
    ),
    "the same number of two protocols": (
        ports.clashing,
        topology(machine(Server(port=9100, protocol="udp"), Exporter())),
    ),
    "a port that a group reaches": (
        ports.open_to_unknown_group,
        topology(machine(Server()), groups=("prometheus",)),
    ),
    "a port that everyone reaches": (ports.open_to_unknown_group, topology(machine(Exporter()))),
    "one scrape for each exporter": (
        scrapes.counted_twice,
        topology(machine(Server(), Exporter())),
    ),
    "a scrape that Prometheus reaches": (scrapes.out_of_reach, topology(machine(Server()))),
    "a scrape that everyone reaches": (scrapes.out_of_reach, topology(machine(Exporter()))),
    "a companion on the same host": (
        roles.without_companion,
        topology(machine(Server(), groups=("engine",))),
    ),
    "a role without a conflict": (roles.conflicting, topology(machine(Loner()))),
    "an address": (addresses.missing, topology(machine())),
    "an IPv4 address": (addresses.malformed, topology(machine())),
    "an IPv6 address": (addresses.malformed, topology(machine(address="2001:db8::1"))),
    "two addresses": (
        addresses.shared,
        topology(machine(), machine(name="two", address="192.0.2.2")),
    ),
    "a role with a host": (roles.without_host, topology(machine(Server()))),
}

BROKEN: dict[str, tuple[Rule, Topology, str]] = {
    "two roles on one port": (
        ports.clashing,
        topology(machine(Server(port=9100), Exporter())),
        "one: tcp port 9100 is claimed by server (API) and exporter (metrics); "
        "give one of them another port in group_data/exporter.py",
    ),
    "a port for an unknown group": (
        ports.open_to_unknown_group,
        topology(machine(Server(reachable_from=("promeheus",)))),
        "one server: port 8000 is reachable from `promeheus`, which is no group of the inventory; "
        "correct `reachable_from` in deploys/server.py, or add the group",
    ),
    "one exporter under two jobs": (
        scrapes.counted_twice,
        topology(machine(Server(port=9100, scraped_port=9100), Exporter())),
        "one: 192.0.2.1:9100/metrics is scraped as job server of server and job exporter of "
        "exporter; remove the scrape from deploys/exporter.py",
    ),
    "a scrape of a port that is not declared": (
        scrapes.out_of_reach,
        topology(machine(Server(scraped_port=8001))),
        "one: job server of server scrapes port 8001, which prometheus cannot reach; "
        'declare that port in deploys/server.py with reachable_from "prometheus"',
    ),
    "a scrape of a port that is closed to Prometheus": (
        scrapes.out_of_reach,
        topology(machine(Server(reachable_from=("nginx",)))),
        "one: job server of server scrapes port 8000, which prometheus cannot reach; "
        'declare that port in deploys/server.py with reachable_from "prometheus"',
    ),
    "a role without its companion": (
        roles.without_companion,
        topology(machine(Server())),
        "one: has the role server, which requires engine on the same host; "
        "add one to `engine` in the inventory",
    ),
    "no address": (
        addresses.missing,
        topology(machine(address="")),
        "one: has no address; set its `ssh_hostname` in the inventory",
    ),
    "a mistyped address": (
        addresses.malformed,
        topology(machine(address="192.168.1.256")),
        "one: `192.168.1.256` is not an IP address; /etc/hosts, the firewall and what listens "
        "on one address need it; set its `ssh_hostname` in the inventory",
    ),
    "a host name": (
        addresses.malformed,
        topology(machine(address="jetson.home.arpa")),
        "one: `jetson.home.arpa` is not an IP address; /etc/hosts, the firewall and what listens "
        "on one address need it; set its `ssh_hostname` in the inventory",
    ),
    "one address for two hosts": (
        addresses.shared,
        topology(machine(), machine(name="two")),
        "one and two: have the same address 192.0.2.1; "
        "give each host of the inventory its own `ssh_hostname`",
    ),
    "a role in conflict": (
        roles.conflicting,
        topology(machine(Loner(), Exporter())),
        "one: loner: is not alone with exporter; take one away",
    ),
    "a role without a host": (
        roles.without_host,
        topology(machine(), groups=("server",)),
        "server: has no host; name its hosts in the inventory, or remove group_data/server.py",
    ),
}


@pytest.mark.parametrize(("rule", "given"), KEPT.values(), ids=KEPT)
def test_passes(rule: Rule, given: Topology) -> None:
    assert rule(given) == []


@pytest.mark.parametrize(("rule", "given", "message"), BROKEN.values(), ids=BROKEN)
def test_is_refused(rule: Rule, given: Topology, message: str) -> None:
    assert [str(problem) for problem in rule(given)] == [message]


@pytest.mark.usefixtures("sample_roles")
def test_a_role_with_module_and_settings_passes() -> None:
    given = topology(machine(sample("seed_llama_cpp"), sample("seed_triton")))
    assert roles.without_module(given) + roles.without_settings(given) == []


def test_a_group_without_module_is_refused() -> None:
    given = topology(machine(groups=("no_such_role",)))
    assert [str(problem) for problem in roles.without_module(given)] == [
        "no_such_role: is a group, but no role of that name is known; write "
        "deploys/no_such_role.py with its settings, or take the group out of the inventory"
    ]


@pytest.mark.usefixtures("sample_roles")
def test_a_role_without_settings_is_refused() -> None:
    given = topology(machine(groups=("seed_triton",)))
    assert [str(problem) for problem in roles.without_settings(given)] == [
        "one: has the role seed_triton, but no `seed_triton` settings; "
        "set `seed_triton = SeedTriton(...)` in group_data/seed_triton.py"
    ]


NAMED = topology(machine(Server(), name="jetson"), machine(name="xps13"), machine(name="xps15"))


@pytest.mark.parametrize(
    ("limit", "exclude", "names"),
    [
        ((), (), ["jetson", "xps13", "xps15"]),
        (("server",), (), ["jetson"]),
        (("xps*",), (), ["xps13", "xps15"]),
        (("xps15", "server"), (), ["xps15", "jetson"]),
        ((), ("xps*",), ["jetson"]),
    ],
)
def test_a_pattern_selects(
    limit: tuple[str, ...], exclude: tuple[str, ...], names: list[str]
) -> None:
    invocation = Invocation(limit=limit, exclude=exclude)
    assert [found.name for found in selection.selected(NAMED, invocation)] == names
    assert selection.unmatched(NAMED, invocation) == []


@pytest.mark.parametrize(
    ("invocation", "message"),
    [
        (
            Invocation(limit=("jetsno",)),
            "--limit jetsno: matches no host and no role; did you mean jetson?",
        ),
        (
            Invocation(limit=("sever", "jetson")),
            "--limit sever: matches no host and no role; did you mean server?",
        ),
        (
            Invocation(exclude=("zzz",)),
            "--exclude zzz: matches no host and no role; known are jetson, xps13, xps15, server",
        ),
        (
            Invocation(limit=("jetson",), exclude=("server",)),
            "--limit and --exclude: leave no host; exclude less",
        ),
    ],
)
def test_a_pattern_without_a_match_is_refused(invocation: Invocation, message: str) -> None:
    assert [str(problem) for problem in selection.unmatched(NAMED, invocation)] == [message]


@pytest.fixture
def known_hosts(tmp_path: Path) -> Path:
    key = ECDSAKey.generate()
    line = f"{key.get_name()} {key.get_base64()}\n"
    file = tmp_path / "known_hosts"
    file.write_text(f"192.0.2.1 {line}[192.0.2.2]:2222 {line}")
    return file


@pytest.mark.parametrize(("address", "port"), [("192.0.2.1", 22), ("192.0.2.2", 2222)])
def test_a_pinned_host_passes(known_hosts: Path, address: str, port: int) -> None:
    pinned = machine(address=address, ssh_known_hosts_file=str(known_hosts), ssh_port=port)
    assert access.unpinned((pinned,), "inventory.py") == []


def test_hosts_that_are_not_pinned_are_refused_together(known_hosts: Path) -> None:
    strangers = tuple(
        machine(name=name, address=address, ssh_known_hosts_file=str(known_hosts))
        for name, address in (("two", "192.0.2.2"), ("three", "192.0.2.3"))
    )
    (problem,) = access.unpinned(strangers, "other/inventory.py")
    assert str(problem) == (
        "two, three: the SSH host key is not pinned; "
        "run `make trust INVENTORY=other/inventory.py HOST=two`, and so for each"
    )


def test_without_a_file_of_pins_nobody_is_pinned(tmp_path: Path) -> None:
    stranger = machine(ssh_known_hosts_file=str(tmp_path / "known_hosts"))
    assert len(access.unpinned((stranger,), "inventory.py")) == 1


def test_a_key_that_exists_passes(tmp_path: Path) -> None:
    key = tmp_path / "id_ed25519"
    key.touch()
    assert access.without_key((machine(ssh_key=str(key)),)) == []


def test_a_missing_key_is_refused_once_for_all_hosts() -> None:
    hosts = (machine(ssh_key="/none/id"), machine(ssh_key="/none/id", name="two"))
    assert [str(problem) for problem in access.without_key(hosts)] == [
        "/none/id: is the key to log in with, but does not exist; "
        "make one with `ssh-keygen -t ed25519 -f /none/id`, or set `ssh_key`"
    ]


class Gated(Settings):
    """Stands for a role that needs what only the user has."""

    role = "gated"

    def given_secrets(self) -> tuple[GivenSecret, ...]:
        return (GivenSecret("hub/token", "has no token", "make one"),)


def test_a_secret_that_only_the_user_has_is_asked_for_until_it_is_given(tmp_path: Path) -> None:
    data: dict[str, Any] = {
        "secret_store": str(tmp_path / "s"),
        "secret_identity": str(tmp_path / "identity"),
    }
    one = machine(Gated(), **data)
    assert [str(problem) for problem in secrets.not_given((one,))] == [
        "one: gated: has no token; make one"
    ]
    secret_store.for_data(data).put("hub/token", "given")
    assert secrets.not_given((one,)) == []
