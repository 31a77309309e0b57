"""Git: repositories are served to keys that are known, and such a key opens nothing else."""

from __future__ import annotations

import pytest
from testinfra.host import Host

from deploys.git import AS_GIT, HOME, LOCKS, UNITS, Git

SHOW_ON_FAILURE = (
    f"ls -la {HOME}",
    "getent passwd git",
    f"journalctl --unit {LOCKS} --lines 20 --no-pager",
)


def served(host: Host, asked: str) -> tuple[int, str]:
    """What a client gets that asks for this, as sshd runs it for a key."""
    command = f"{AS_GIT} SSH_ORIGINAL_COMMAND=%s git-shell -c serve </dev/null"
    done = host.run(command, asked)
    return done.rc, f"{done.stdout}{done.stderr}"


def test_every_repository_is_served(host: Host, settings: Git) -> None:
    for name in settings.repositories:
        _, said = served(host, f"git-upload-pack '{name}.git'")
        assert "capabilities^{}" in said or "refs/" in said, said


@pytest.mark.parametrize("unit", UNITS)
def test_left_locks_are_looked_for_and_that_starts_at_boot(host: Host, unit: str) -> None:
    assert host.service(unit).is_running
    assert host.service(unit).is_enabled


def test_a_lock_that_was_left_is_removed(host: Host, settings: Git) -> None:
    for path in settings.paths():
        lock = f"{path}/refs/heads/verify.lock"
        host.check_output(f"{AS_GIT} touch --date '11 minutes ago' %s", lock)
        host.check_output(f"systemctl start {LOCKS}.service")
        assert not host.file(lock).exists


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "id",
        "cat /etc/passwd",
        "git-upload-pack '/etc'",
        "git-upload-pack '../../etc'",
        "git-upload-pack '/srv/vault'",
        "git-upload-pack 'projects.git'; id",
        "git-upload-pack $(id)",
        "scp -f /etc/passwd",
    ],
)
def test_nothing_else_is_served(host: Host, asked: str) -> None:
    code, said = served(host, asked)
    assert code == 128
    assert "for git only" in said or "no such repository" in said
    assert "uid=" not in said and "root:" not in said


def test_each_key_is_restricted_to_that(host: Host, settings: Git) -> None:
    lines = host.file(f"{HOME}/.ssh/authorized_keys").content_string.splitlines()
    assert lines == [f'restrict,command="serve" {key}' for key in settings.keys]


def test_the_account_has_no_shell_and_no_password(host: Host) -> None:
    account = host.user("git")
    assert (account.shell, account.home) == ("/usr/bin/git-shell", HOME)
    assert account.password[0] in "!*"


@pytest.mark.parametrize("path", ["", "/.ssh", "/.gitconfig", "/git-shell-commands/serve"])
def test_the_account_cannot_change_what_binds_it(host: Host, path: str) -> None:
    found = host.file(f"{HOME}{path}")
    assert (found.user, found.mode & 0o022) == ("root", 0)


def test_pushes_are_checked_and_limited(host: Host, settings: Git) -> None:
    for name, value in (
        ("receive.fsckObjects", "true"),
        ("receive.maxInputSize", f"{settings.largest_push_mib}m"),
    ):
        assert host.check_output(f"{AS_GIT} git config --global --get %s", name) == value
