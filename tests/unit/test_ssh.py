"""SSH: its settings, and the drop-in that they become."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from pydantic import ValidationError

from deploys.rendering import render
from deploys.ssh import Ssh


def drop_in(**settings: Any) -> list[str]:
    return render("ssh/00-ai-idp.conf.j2", ssh=Ssh(**settings)).decode().splitlines()


@pytest.mark.parametrize(
    "line", ["PasswordAuthentication no", "KbdInteractiveAuthentication no", "MaxSessions 10"]
)
def test_the_drop_in_says(line: str) -> None:
    assert line in drop_in()


def test_root_can_be_shut_out_altogether() -> None:
    assert "PermitRootLogin no" in drop_in(permit_root_login="no")


def test_root_never_gets_in_with_a_password() -> None:
    with pytest.raises(ValidationError, match="should be 'prohibit-password' or 'no'"):
        drop_in(permit_root_login="yes")


def test_pyinfra_keeps_the_sessions_that_it_needs() -> None:
    with pytest.raises(ValidationError, match=r"max_sessions\n.*greater than or equal to 10"):
        Ssh(max_sessions=9)


def test_networks_are_networks() -> None:
    networks: Any = ("192.0.2.0/24", "2001:db8::/64")
    assert Ssh(allowed_networks=networks).allowed_networks == tuple(map(ip_network, networks))
    wrong: Any = ("office",)
    with pytest.raises(ValidationError, match="value is not a valid IPv4 or IPv6 network"):
        Ssh(allowed_networks=wrong)


def test_the_port_is_declared_and_open_to_no_group() -> None:
    assert [(port.number, port.reachable_from) for port in Ssh(port=2222).ports()] == [(2222, ())]
