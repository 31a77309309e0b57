"""The gateway's names."""

from __future__ import annotations

from deploys.base import Base
from deploys.gateway import base_url, host_names
from deploys.topology import Machine, Topology


def machine(**settings: Base) -> Machine:
    return Machine("door", "192.0.2.1", ("nginx",), settings, {"domain": "example.home.arpa"})


def test_the_first_name_is_the_one_that_stands_for_the_role() -> None:
    base = Base(service_names={"ai": "nginx", "files": "storage", "gateway": "nginx"})
    assert host_names(machine(base=base)) == [
        "ai.example.home.arpa",
        "gateway.example.home.arpa",
        "door.example.home.arpa",
    ]


def test_a_gateway_without_such_a_name_has_its_own() -> None:
    assert host_names(machine()) == ["door.example.home.arpa"]


def test_services_are_found_below_the_first_name() -> None:
    assert base_url(Topology((machine(),), ())) == "https://door.example.home.arpa"


def test_without_a_gateway_nothing_is_found_below_one() -> None:
    assert base_url(Topology((), ())) == ""
