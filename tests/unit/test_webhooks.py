"""Addresses of machines, and of n8n's webhooks as their callers are told them."""

from __future__ import annotations

import pytest

from deploys.base import Base
from deploys.topology import Machine, Topology
from deploys.webhooks import beside_n8n, through_gateway
from group_data.n8n import n8n

DATA = {"domain": "example.home.arpa"}
GATEWAY = Machine("gateway", "192.0.2.3", ("nginx",), {"base": Base()}, DATA)
NOTES = Machine("notes", "2001:db8::1", ("n8n",), {"n8n": n8n}, DATA)


@pytest.mark.parametrize(
    ("address", "expected"),
    [("192.0.2.1", "http://192.0.2.1:9090"), ("2001:db8::1", "http://[2001:db8::1]:9090")],
)
def test_an_address_of_either_kind_makes_a_url(address: str, expected: str) -> None:
    assert Machine("one", address, (), {}, {}).url(9090) == expected


def test_the_gateway_has_webhooks_below_n8n_and_n8n_at_its_root() -> None:
    topology = Topology((GATEWAY, NOTES), ())
    assert beside_n8n(topology, "alerts") == "http://[2001:db8::1]:5678/webhook/alerts"
    expected = "https://gateway.example.home.arpa/n8n/webhook/alerts"
    assert through_gateway(topology, "alerts") == expected


@pytest.mark.parametrize("machines", [(), (GATEWAY,)])
def test_without_n8n_there_are_none(machines: tuple[Machine, ...]) -> None:
    assert beside_n8n(Topology(machines, ()), "alerts") == ""
    assert through_gateway(Topology(machines, ()), "alerts") == ""


def test_without_a_gateway_there_is_the_one_of_n8n_itself_alone() -> None:
    assert through_gateway(Topology((NOTES,), ()), "alerts") == ""
