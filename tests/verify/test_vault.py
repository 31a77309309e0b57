"""Vault: what is written in it reaches people, what they push reaches it, nobody else reads it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from uuid import uuid4

import pytest
from testinfra.host import Host

from deploys.git import AS_GIT, LOCKS
from deploys.vault import ACCOUNT, FOLDERS, REPOSITORY, STATE, SYNC, UNITS, VAULT

SHOW_ON_FAILURE = (f"journalctl --unit {SYNC} --lines 20 --no-pager",)
AS_VAULT = f"runuser -u {ACCOUNT.name} --"
SOON_SECONDS = 30


@pytest.fixture(scope="module")
def note(host: Host) -> Iterator[str]:
    """A note as n8n writes one; it is taken out again by a push, as people do."""
    name = f"Templates/verify {uuid4()}.md"
    host.check_output(f"{AS_VAULT} sh -c 'umask 007; echo written >\"$0\"' %s", f"{VAULT}/{name}")
    yield name
    pushed(host, f'git rm --quiet -- "{name}"')
    assert eventually(host, f"! test -e '{VAULT}/{name}'")


def pushed(host: Host, change: str) -> None:
    """Clone, change, push, as somebody with a key would, and leave nothing."""
    script = (
        "set -e; clone=$(mktemp -d); trap 'rm -rf \"$clone\"' EXIT;"
        f' git clone --quiet {REPOSITORY} "$clone"; cd "$clone";'
        " git config user.name verify; git config user.email verify@localhost;"
        f" {change}; git add --all; git commit --quiet -m Verify;"
        # The sync, and people, may push at any moment.
        " for attempt in 1 2 3 4 5; do git push --quiet origin HEAD:main && exit 0;"
        " git pull --quiet --no-rebase --no-edit origin main; done; exit 1"
    )
    host.check_output(f"{AS_GIT} sh -c %s", script)


def eventually(host: Host, command: str) -> bool:
    deadline = time.monotonic() + SOON_SECONDS
    while host.run(command).rc != 0:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True


@pytest.mark.parametrize("unit", UNITS)
def test_the_sync_is_on_and_starts_at_boot(host: Host, unit: str) -> None:
    assert host.service(unit).is_running
    assert host.service(unit).is_enabled


def test_what_is_written_reaches_the_repository(host: Host, note: str) -> None:
    command = f"{AS_VAULT} git -c safe.directory={REPOSITORY} --git-dir={REPOSITORY}"
    assert eventually(host, f"{command} cat-file -e 'main:{note}'")


def test_what_is_pushed_reaches_the_vault_and_both_lines_stay(host: Host, note: str) -> None:
    assert eventually(host, f"{AS_GIT} git --git-dir={REPOSITORY} cat-file -e 'main:{note}'")
    pushed(host, f'echo pushed >>"{note}"')
    assert eventually(host, f"grep -qx pushed '{VAULT}/{note}'")
    assert host.file(f"{VAULT}/{note}").content_string == "written\npushed\n"
    assert host.file(f"{VAULT}/{note}").mode == 0o660


def test_a_lock_that_a_killed_sync_left_is_removed(host: Host) -> None:
    """The folder is the sync's own account's, and whoever removes it is the other one."""
    lock = f"{REPOSITORY}/refs/ai-idp/verify.lock"
    host.check_output(f"{AS_VAULT} touch --date '11 minutes ago' %s", lock)
    host.check_output(f"systemctl start {LOCKS}.service")
    assert not host.file(lock).exists


@pytest.mark.parametrize("folder", ["", *FOLDERS])
def test_only_the_group_reads_and_writes_notes(host: Host, folder: str) -> None:
    found = host.file(f"{VAULT}/{folder}".rstrip("/"))
    assert (found.user, found.group, found.mode) == ("vault", "vault", 0o2770)


def test_the_vault_is_no_repository_of_its_own(host: Host) -> None:
    assert not host.file(f"{VAULT}/.git").exists


def test_obsidian_finds_its_settings(host: Host) -> None:
    """Unless people took them out, which is theirs to do."""
    planted = host.file("/usr/local/share/ai-idp/vault/.obsidian/daily-notes.json").content_string
    assert '"format": "YYYY-MM-DD"' in planted


def test_it_says_when_it_was_synced(host: Host) -> None:
    text = host.file(f"{STATE}/metrics/ai_idp_vault.prom").content_string
    (line,) = (x for x in text.splitlines() if x.startswith("ai_idp_vault_last_sync"))
    now = float(host.check_output("date +%s"))
    assert now - float(line.split()[1]) < 600
