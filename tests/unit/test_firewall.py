"""Firewall: from the ports that roles declare to the rules that open them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from pyinfra.api.exceptions import DeployError

from deploys.declarations import EVERYONE, Port
from deploys.firewall import Firewall, rules
from deploys.settings import Settings
from deploys.ssh import Ssh
from deploys.topology import Machine, Topology

DATA = {"networks": ["192.0.2.0/24"]}
SSH: Any = Ssh(allowed_networks=("198.51.100.0/24",))  # type: ignore[arg-type]


class Web(Settings):
    role: ClassVar[str] = "web"
    port: Port

    def ports(self) -> tuple[Port, ...]:
        return (self.port,)


def machine(
    name: str, address: str, groups: tuple[str, ...], settings: Mapping[str, Settings]
) -> Machine:
    return Machine(name, address, groups, settings, data=DATA)


def opened(port: Port | None, ssh: Ssh = SSH, others: tuple[str, ...] = ()) -> list[str]:
    """The rules of a host `server` whose role declares `port`; `others` watch."""
    roles = {"ssh": ssh, **({"web": Web(port=port)} if port else {})}
    server = machine("server", "192.0.2.1", tuple(roles), roles)
    watchers = (machine(f"watcher{a}", a, ("prometheus",), {}) for a in others)
    topology = Topology((server, *watchers), ("ssh", "web", "prometheus"))
    return chain("exposed", topology, server)


def chain(name: str, topology: Topology, server: Machine) -> list[str]:
    _, _, after = rules(topology, server).decode().partition(f"chain {name} {{\n")
    return [line.strip() for line in after.partition("    }\n")[0].splitlines()]


def tcp(number: int, comment: str) -> str:
    return f'meta l4proto tcp ct original proto-dst {number} accept comment "{comment}"'


LOGIN = f"ip saddr {{ 198.51.100.0/24 }} {tcp(22, 'ssh: login and deployment')}"


def test_login_is_open_to_the_networks_of_the_ssh_settings() -> None:
    assert opened(None) == [LOGIN]


def test_login_is_open_to_the_networks_of_the_inventory_where_ssh_names_none() -> None:
    assert opened(None, ssh=Ssh())[0].startswith("ip saddr { 192.0.2.0/24 } ")


def test_a_port_is_open_to_the_hosts_of_its_groups() -> None:
    port = Port(80, "pages", reachable_from=("prometheus",))
    expected = f"ip saddr {{ 192.0.2.8, 192.0.2.9 }} {tcp(80, 'web: pages')}"
    assert opened(port, others=("192.0.2.9", "192.0.2.8")) == [LOGIN, expected]


def test_both_families_have_a_rule_of_their_own() -> None:
    port = Port(80, "pages", reachable_from=("prometheus",))
    assert opened(port, others=("192.0.2.9", "2001:db8::9"))[1:] == [
        f"ip saddr {{ 192.0.2.9 }} {tcp(80, 'web: pages')}",
        f"ip6 saddr {{ 2001:db8::9 }} {tcp(80, 'web: pages')}",
    ]


def test_a_port_for_everyone_asks_for_no_address() -> None:
    port = Port(53, "names", reachable_from=(EVERYONE,), protocol="udp")
    assert opened(port)[1:] == [
        'meta l4proto udp ct original proto-dst 53 accept comment "web: names"'
    ]


def test_a_port_for_groups_without_a_host_stays_closed() -> None:
    assert opened(Port(80, "pages", reachable_from=("prometheus",))) == [LOGIN]


def test_a_port_of_something_unmanaged_is_opened_as_declared() -> None:
    settings = Firewall(unmanaged=(Port(8006, "hypervisor", reachable_from=(EVERYONE,)),))
    server = machine("server", "192.0.2.1", ("ssh",), {"ssh": SSH, "firewall": settings})
    topology = Topology((server,), ("ssh", "firewall"))
    assert chain("exposed", topology, server) == [LOGIN, tcp(8006, "firewall: hypervisor")]


def test_a_host_without_a_numeric_address_is_refused() -> None:
    with pytest.raises(DeployError, match="the firewall of server needs addresses, not names"):
        opened(Port(80, "pages", reachable_from=("prometheus",)), others=("desk.local",))


@pytest.mark.parametrize(("groups", "guarded"), [(("ssh",), False), (("ssh", "docker"), True)])
def test_containers_are_reached_by_their_published_ports_only(
    groups: tuple[str, ...], guarded: bool
) -> None:
    server = machine("server", "192.0.2.1", groups, {"ssh": SSH})
    topology = Topology((server,), groups)
    last = 'counter drop comment "refused"'
    assert (chain("to_containers", topology, server)[-1:] == [last]) == guarded
    assert (
        'ct state new oifname "br-*" jump to_containers' in chain("forward", topology, server)
    ) == guarded
