"""SSH: keys get in, passwords never do, and pyinfra has the sessions that it needs."""

from __future__ import annotations

import pytest
from testinfra.host import Host

from deploys.ssh import Ssh
from deploys.topology import Machine

SHOW_ON_FAILURE = ("journalctl --unit ssh --lines 20 --no-pager",)

EFFECTIVE = {
    "pubkeyauthentication": "yes",
    "passwordauthentication": "no",
    "kbdinteractiveauthentication": "no",
    "permitemptypasswords": "no",
    "x11forwarding": "no",
    "allowagentforwarding": "no",
}


@pytest.fixture
def settings(machine: Machine) -> Ssh:
    found = machine.settings["ssh"]
    assert isinstance(found, Ssh)
    return found


def _effective(host: Host) -> dict[str, str]:
    lines = host.check_output("sshd -T").splitlines()
    return dict(line.partition(" ")[::2] for line in lines)


@pytest.mark.parametrize("user", ["root", "ai-idp"])
def test_a_password_login_is_refused(
    host: Host, machine: Machine, settings: Ssh, user: str
) -> None:
    attempt = host.run(
        "ssh -F none -o PreferredAuthentications=password,keyboard-interactive"
        " -o NumberOfPasswordPrompts=1 -o StrictHostKeyChecking=no"
        " -o UserKnownHostsFile=/dev/null -p %s %s@%s true </dev/null",
        str(settings.port),
        user,
        machine.address,
    )
    assert attempt.failed
    assert "Permission denied (publickey)." in attempt.stderr


@pytest.mark.parametrize("keyword", EFFECTIVE)
def test_the_setting_is_in_force(host: Host, keyword: str) -> None:
    assert _effective(host)[keyword] == EFFECTIVE[keyword]


def test_root_gets_in_with_a_key_at_most(host: Host, settings: Ssh) -> None:
    # sshd prints `prohibit-password` by its older name.
    names = {"prohibit-password": "without-password"}
    expected = names.get(settings.permit_root_login, settings.permit_root_login)
    assert _effective(host)["permitrootlogin"] == expected


def test_one_connection_may_have_as_many_sessions_as_pyinfra_opens(host: Host) -> None:
    assert int(_effective(host)["maxsessions"]) >= 10


def test_the_server_comes_back_after_a_reboot(host: Host) -> None:
    assert any(host.service(name).is_enabled for name in ("ssh.service", "ssh.socket"))
