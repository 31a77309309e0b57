"""Firewall: loaded, closed by default, and open for exactly what the roles declare."""

from __future__ import annotations

import json
from typing import Any

import pytest
from testinfra.host import Host

from deploys.firewall import openings_of
from deploys.topology import Machine, Topology

SHOW_ON_FAILURE = ("nft list table inet ai_idp", "systemctl status ai-idp-firewall --no-pager")


@pytest.fixture
def table(host: Host) -> list[dict[str, Any]]:
    """What the kernel has of our table, as nft's JSON."""
    listed = json.loads(host.check_output("nft --json list table inet ai_idp"))
    return list(listed["nftables"])


def _chain(table: list[dict[str, Any]], name: str) -> dict[str, Any]:
    chains: list[dict[str, Any]] = [entry["chain"] for entry in table if "chain" in entry]
    return {chain["name"]: chain for chain in chains}[name]


def _rules(table: list[dict[str, Any]], chain: str) -> list[dict[str, Any]]:
    rules = [entry["rule"] for entry in table if "rule" in entry]
    return [rule for rule in rules if rule["chain"] == chain]


def test_whoever_is_not_let_in_is_dropped(table: list[dict[str, Any]]) -> None:
    chain = _chain(table, "input")
    assert (chain["hook"], chain["policy"]) == ("input", "drop")


def test_a_published_container_port_is_dropped_before_docker_decides(
    table: list[dict[str, Any]],
) -> None:
    assert _chain(table, "forward")["prio"] < 0
    published = [rule["expr"] for rule in _rules(table, "forward") if _is_about_dnat(rule)]
    assert [next(iter(expressions[-1])) for expressions in published] == ["jump", "drop"]


def _is_about_dnat(rule: dict[str, Any]) -> bool:
    matches = [expression.get("match", {}) for expression in rule["expr"]]
    return any(m.get("left") == {"ct": {"key": "status"}} for m in matches)


def test_the_open_ports_are_those_that_the_roles_declare(
    table: list[dict[str, Any]], topology: Topology, machine: Machine
) -> None:
    declared = [opening.comment for opening in openings_of(topology, machine)]
    assert [rule["comment"] for rule in _rules(table, "exposed")] == declared


def test_it_is_up_before_the_network_after_a_reboot(host: Host) -> None:
    service = host.service("ai-idp-firewall")
    assert service.is_enabled
    assert service.is_running
    assert "network-pre.target" in host.check_output(
        "systemctl show --property Before --value ai-idp-firewall"
    )


def test_no_unit_flushes_the_rules_of_others(host: Host) -> None:
    assert not host.service("nftables").is_enabled
