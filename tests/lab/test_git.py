"""Git for people: what a key opens over real SSH, what a push may bring, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab import network
from lab.workstation import HOST
from tests.lab import person
from tests.lab.conftest import converge, shell
from tests.lab.person import SERVER, Clone
from tests.lab.waiting import wait_until

GITCONFIG = "/srv/git/.gitconfig"


@pytest.fixture(scope="module", autouse=True)
def settled() -> None:
    converge(SERVER, HOST)
    person.settle_in()


@pytest.fixture
def clone() -> Iterator[Clone]:
    found = Clone.of("experiments")
    yield found
    found.remove()


@pytest.fixture
def vault() -> Iterator[Clone]:
    found = Clone.of("vault")
    yield found
    found.remove()


@pytest.mark.parametrize(
    "command",
    ["", "id", "sh", "cat /etc/passwd", "git-upload-pack '/srv/vault'", "git-upload-pack '../etc'"],
)
def test_the_key_is_for_git_on_the_repositories(command: str) -> None:
    done = person.ssh(command)
    assert done.returncode != 0
    assert "for git only" in done.stdout or "no such repository" in done.stdout
    assert "uid=" not in done.stdout and "root:" not in done.stdout


@pytest.mark.parametrize(
    ("option", "refusal"),
    [
        ("-tt", "PTY allocation request failed"),
        ("-Wlocalhost:22", "administratively prohibited"),
        ("-R18080:localhost:22", "remote port forwarding failed"),
    ],
)
def test_it_gives_no_terminal_and_forwards_nothing(option: str, refusal: str) -> None:
    done = person.ssh("id", option, "-oExitOnForwardFailure=yes")
    assert refusal in done.stdout
    assert "uid=" not in done.stdout


def test_files_cannot_be_fetched_by_other_ways() -> None:
    address = network.read().hosts[SERVER]
    options = person.SSH.removeprefix("ssh ")
    for program in ("scp", "scp -O"):
        done = person.run(
            f"timeout 20 {program} {options} git@{address}:/etc/passwd stolen </dev/null"
        )
        assert done.returncode != 0
    assert person.run("test -e stolen").returncode != 0


def test_a_tree_with_a_repository_in_it_is_refused(clone: Clone) -> None:
    clone.commit("Before")
    clone.does(
        "blob=$(echo '[core]' | git hash-object -w --stdin);"
        r' inner=$(printf "100644 blob $blob\tconfig\n" | git mktree);'
        r' outer=$(printf "040000 tree $inner\t.git\n" | git mktree);'
        " git update-ref refs/heads/evil $(git commit-tree $outer -m evil)"
    )
    done = clone.run("git push origin evil")
    assert done.returncode != 0
    assert "hasDotgit" in done.stdout


def test_a_push_above_the_limit_is_refused(clone: Clone) -> None:
    shell(SERVER, f"cp -p {GITCONFIG} /run/; git config --file {GITCONFIG} receive.maxInputSize 1m")
    try:
        clone.does("head -c 3000000 /dev/urandom >large")
        clone.commit("Large")
        done = clone.run("git push origin HEAD")
    finally:
        shell(SERVER, f"mv /run/.gitconfig {GITCONFIG}")
    assert done.returncode != 0
    assert "maximum allowed size" in done.stdout


def test_hooks_come_from_nobody(clone: Clone) -> None:
    sha = clone.commit("A hook", name="hooks/post-receive", content="touch /tmp/pwned")
    clone.push()
    names = shell(SERVER, "ls /srv/git/experiments.git/hooks").split()
    assert names == ["post-receive"]
    assert "pwned" not in shell(SERVER, "ls /tmp; cat /srv/git/experiments.git/hooks/*")
    assert sha in shell(
        SERVER, "runuser -u git -- git --git-dir=/srv/git/experiments.git rev-list HEAD"
    )


def in_vault(path: str) -> bool:
    return (
        shell(SERVER, f"test -e '/srv/vault/{path}' -o -L '/srv/vault/{path}' && echo yes", False)
        != ""
    )


def test_links_and_programs_that_are_pushed_are_neither_in_the_vault(vault: Clone) -> None:
    before = vault.does("git rev-parse HEAD")
    vault.does(
        "mkdir -p Commits Daily; ln -s /etc/shadow Commits/x; ln -s /etc 'Daily/etc';"
        " echo 'touch /tmp/pwned' >run.sh; chmod +x run.sh;"
        " printf '* filter=evil\\n' >.gitattributes; git add --all; git commit --quiet -m hostile"
    )
    vault.push()
    wait_until("the push is in the vault", lambda: in_vault("run.sh"))
    assert not in_vault("Commits/x")
    assert not in_vault("Daily/etc")
    assert shell(SERVER, "stat -c '%a %U:%G' /srv/vault/run.sh") == "660 vault:vault\n"
    # The next round has it committed as what it is there; who removes it meanwhile has a conflict.
    pulled = "git pull --quiet --no-rebase --no-edit origin main; git ls-tree HEAD run.sh"
    wait_until("it is no program for people either", lambda: "100644" in vault.does(pulled))
    vault.does("git rm --quiet -f Commits/x Daily/etc run.sh")
    vault.does(f"git checkout --quiet {before} -- .gitattributes || git rm --quiet .gitattributes")
    vault.does("git commit --quiet -m 'Take it back'")
    vault.push()
    wait_until("that is gone again", lambda: not in_vault("run.sh"))


def test_notes_of_both_sides_stay_when_both_write_at_once(vault: Clone) -> None:
    note = "Incidents/both sides.md"
    shell(SERVER, f"runuser -u vault -- sh -c 'umask 007; echo start >\"/srv/vault/{note}\"'")
    here = f"git pull --quiet --no-rebase origin main && test -e '{note}'"
    wait_until("the note reaches people", lambda: vault.run(here).returncode == 0)
    vault.commit("Mine", name=note, content="from a person")
    shell(SERVER, f"runuser -u vault -- sh -c 'echo from n8n >>\"/srv/vault/{note}\"'")
    vault.push()
    wanted = ["from a person", "from n8n", "start"]
    read = f"cat '/srv/vault/{note}'"
    wait_until("both are there", lambda: sorted(shell(SERVER, read).splitlines()) == wanted)
    vault.does("git pull --quiet --no-rebase origin main")
    vault.does(f"git rm --quiet '{note}' && git commit --quiet -m Gone")
    vault.push()


def test_notes_cannot_be_pushed_away(vault: Clone) -> None:
    done = vault.run("git commit --quiet --amend -m other && git push --force origin HEAD:main")
    assert done.returncode != 0
    assert "denyNonFastForwards" in done.stdout or "non-fast-forward" in done.stdout
