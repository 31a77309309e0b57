"""Git: which names and keys are taken, what a key opens, and what a push may bring."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from deploys.commit_events import CommitEvents
from deploys.firewall import rules
from deploys.git import AS_GIT, HOME, Git, entries, steps, units
from deploys.settings import Settings
from deploys.ssh import Ssh
from deploys.topology import Machine, Topology
from files.commit_events.collect import LOCK
from files.git.serve import RefusedError, allowed
from operations.entries import Directory, File
from tests.unit.sample_repository import commit, git

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl me@x"


@pytest.mark.parametrize("name", ["projects", "a", "my-lab.v2", "A_b", "x" * 60])
def test_a_repository_has_a_plain_name(name: str) -> None:
    assert Git(repositories=(name,)).paths() == [f"/srv/git/{name}.git"]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "../../etc",
        "a/b",
        ".hidden",
        "-rf",
        "a b",
        "a;b",
        "$(id)",
        "x.git",
        "x.lock",
        "a..b",
        "x.",
        "x\n",
        "ü",
        "x" * 61,
    ],
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="is no name of a repository; use letters"):
        Git(repositories=(name,))


def test_the_vault_s_repository_is_not_for_others() -> None:
    with pytest.raises(ValidationError, match="`vault` is the repository of the role `vault`"):
        Git(repositories=("vault",))


def test_a_name_stands_once_whatever_its_case() -> None:
    with pytest.raises(ValidationError, match="named twice; name each once"):
        Git(repositories=("projects", "Projects"))


def test_a_public_key_is_taken() -> None:
    assert Git(keys=(KEY,)).keys == (KEY,)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "me",
        "ssh-ed25519 AAAA",
        "ssh-rsa " + KEY.split()[1],
        f'command="sh" {KEY}',
        f"{KEY}\nssh-ed25519 AAAA",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
    ],
)
def test_anything_else_is_no_key(key: str) -> None:
    with pytest.raises(ValidationError, match="is no public key; take the one line"):
        Git(keys=(key,))


def file(settings: Git, path: str) -> File:
    (found,) = (x for x in entries(settings) if x.path == path)
    assert isinstance(found, File)
    return found


def test_a_key_runs_one_program_and_opens_nothing_else() -> None:
    found = file(Git(keys=(KEY,)), "/srv/git/.ssh/authorized_keys")
    assert found.content.decode() == f'restrict,command="serve" {KEY}\n'
    assert (found.owner, found.mode) == ("root", "0644")


def test_pushes_are_checked_and_limited() -> None:
    text = file(Git(largest_push_mib=5), "/srv/git/.gitconfig").content.decode()
    assert "\tfsckObjects = true\n\tmaxInputSize = 5m\n" in text
    assert "\thasDotgit = error\n" in text


def test_git_takes_what_is_rolled_out(tmp_path: Path) -> None:
    path = tmp_path / "gitconfig"
    path.write_bytes(file(Git(largest_push_mib=5), "/srv/git/.gitconfig").content)
    assert git(tmp_path, "config", "--file", str(path), "--type=int", "receive.maxInputSize") == (
        str(5 * 2**20)
    )


def test_a_pushed_object_is_on_the_disk_before_a_branch_names_it(tmp_path: Path) -> None:
    path, trace = tmp_path / "gitconfig", tmp_path / "trace"
    path.write_bytes(file(Git(), "/srv/git/.gitconfig").content)
    git(tmp_path, "init", "--quiet", "--bare", ".")
    asked = {"GIT_CONFIG_GLOBAL": str(path), "GIT_TRACE2_EVENT": str(trace)}
    git(tmp_path, "hash-object", "-w", "--stdin", given=b"x", **asked)
    assert "fsync/hardware-flush" in trace.read_text()


def test_each_repository_is_made_by_git_once() -> None:
    settings = Git(repositories=("one", "two"))
    made = [x.path for x in entries(settings) if isinstance(x, Directory) and x.owner == "git"]
    assert made == ["/srv/git/one.git", "/srv/git/two.git"]
    assert steps(settings).live == "ls -d /srv/git/one.git/HEAD /srv/git/two.git/HEAD"


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """The declared directory of a repository, empty."""
    path = tmp_path / "one.git"
    path.mkdir()
    return path


def activate(home: Path) -> None:
    """What the roll-out does to have the repository there, as whoever runs the test."""
    (home / "bin").mkdir(exist_ok=True)
    (home / "bin" / "systemctl").write_text("#!/bin/sh\n")
    (home / "bin" / "systemctl").chmod(0o755)
    text = steps(Git(repositories=("one",))).activate.replace(AS_GIT, "env")
    subprocess.run(
        ["sh", "-eu", "-c", text.replace(f"{HOME}/", f"{home}/")],
        env={
            "PATH": f"{home}/bin:{os.environ['PATH']}",
            "HOME": str(home),
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "init.defaultBranch",
            "GIT_CONFIG_VALUE_0": "main",
        },
        check=True,
    )


def pushed(bare: Path) -> str:
    """Push a commit to the repository; its sha."""
    clone = bare.with_name("clone")
    if not clone.exists():
        git(bare.parent, "clone", "--quiet", str(bare), str(clone))
    sha = commit(clone)
    git(clone, "push", "--quiet", "origin", "HEAD:main")
    return sha


@pytest.mark.parametrize(
    "left",
    [
        {},
        {"HEAD.lock": ""},
        {"HEAD": "ref: refs/heads/main\n"},
        {"HEAD": "ref: refs/heads/main\n", "config.lock": "[core]\n"},
        {"HEAD": "ref: refs/heads/main\n", "config": "[core]\n\tbare = true\n"},
        {"HEAD": "", "config": ""},
    ],
)
def test_a_repository_that_was_begun_and_cut_off_is_made(bare: Path, left: dict[str, str]) -> None:
    (bare / "refs" / "heads").mkdir(parents=True)
    for name, text in left.items():
        (bare / name).write_text(text)
    activate(bare.parent)
    assert pushed(bare) == git(bare, "rev-parse", "HEAD")


def test_a_repository_whose_head_a_power_cut_emptied_is_mended(bare: Path) -> None:
    activate(bare.parent)
    sha = pushed(bare)
    (bare / "HEAD").write_text("")
    activate(bare.parent)
    assert git(bare, "rev-parse", "HEAD") == sha
    assert pushed(bare) == git(bare, "rev-parse", "HEAD")


def test_a_whole_repository_is_left_alone(bare: Path) -> None:
    activate(bare.parent)
    (bare / "HEAD").write_text("ref: refs/heads/trunk\n")
    (bare / "config.lock").touch()
    before = {path: path.stat().st_mtime_ns for path in bare.rglob("*")}
    activate(bare.parent)
    assert {path: path.stat().st_mtime_ns for path in bare.rglob("*")} == before


def sweep(home: Path) -> None:
    """What the timer has done, as whoever runs the test."""
    (unit,) = (x for x in units() if x.path.endswith(".service"))
    assert isinstance(unit, File)
    text = unit.content.decode().replace("\\\n", "").replace(HOME, str(home))
    (command,) = (x for x in text.splitlines() if x.startswith("ExecStart="))
    subprocess.run(shlex.split(command.removeprefix("ExecStart=")), check=True)


def aged(path: Path, minutes: float) -> Path:
    """A lock that somebody left that long ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (time.time() - 60 * minutes,) * 2)
    return path


@pytest.mark.parametrize("ref", ["heads/main", "heads/ann/work", "tags/v1"])
def test_a_lock_that_a_killed_push_left_goes_after_ten_minutes(bare: Path, ref: str) -> None:
    activate(bare.parent)
    sha = pushed(bare)
    lock = aged(bare / "refs" / f"{ref}.lock", 9)
    sweep(bare.parent)
    assert lock.exists()
    aged(lock, 11)
    sweep(bare.parent)
    git(bare, "update-ref", f"refs/{ref}", sha)


@pytest.mark.parametrize("name", ["packed-refs.lock", "gc.pid.lock"])
def test_a_lock_that_a_killed_gc_left_goes_too(bare: Path, name: str) -> None:
    activate(bare.parent)
    aged(bare / name, 11)
    sweep(bare.parent)
    git(bare, "gc", "--quiet")


def test_nothing_else_goes_with_the_locks(bare: Path) -> None:
    activate(bare.parent)
    pushed(bare)
    for name in (f"one.git/{LOCK}", "one.git/refs/heads/padlock", "a.lock", ".ssh/b.lock"):
        aged(bare.parent / name, 10_000)
    before = set(bare.parent.rglob("*"))
    sweep(bare.parent)
    assert set(bare.parent.rglob("*")) == before


def login(ssh: Ssh, *clients: str) -> list[str]:
    held: dict[str, Settings] = {"ssh": ssh, "git": Git(), "commit_events": CommitEvents()}
    server = Machine("server", "192.0.2.1", tuple(held), held, {"networks": ["192.0.2.0/28"]})
    others = (Machine(x, x, ("commit_events",), {}, {}) for x in clients)
    topology = Topology((server, *others), ("ssh", "git", "commit_events"))
    text = rules(topology, server).decode()
    return [line.strip() for line in text.splitlines() if "ssh: login" in line]


def test_workstations_get_to_ssh_where_the_networks_leave_them_out() -> None:
    (line,) = login(Ssh(), "198.51.100.7")
    assert line.startswith("ip saddr { 192.0.2.0/28, 198.51.100.7 } ")


def test_what_lies_in_a_network_is_not_named_again() -> None:
    (line,) = login(Ssh(), "192.0.2.7")
    assert line.startswith("ip saddr { 192.0.2.0/28 } ")


def test_both_families_are_let_in() -> None:
    assert [line.split(" {")[0] for line in login(Ssh(), "2001:db8::7")] == [
        "ip saddr",
        "ip6 saddr",
    ]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in ("projects.git", "vault.git"):
        (tmp_path / name).mkdir()
    (tmp_path / "other").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    "asked",
    [
        "git-upload-pack 'projects.git'",
        "git-upload-pack 'projects'",
        "git upload-pack '/projects.git'",
        "git-upload-pack '~/projects.git'",
        "git-upload-pack 'HOME/projects.git'",
    ],
)
def test_a_repository_is_found_by_its_name(asked: str, home: Path) -> None:
    found = allowed(asked.replace("HOME", str(home)), home)
    assert found == ["git-shell", "-c", f"git-upload-pack '{home}/projects.git'"]


@pytest.mark.parametrize("service", ["git-receive-pack", "git-upload-archive"])
def test_pushing_and_archives_are_served_too(service: str, home: Path) -> None:
    found = allowed(f"{service} 'vault.git'", home)
    assert found[2] == f"{service} '{home}/vault.git'"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("", "this key is for git only"),
        ("sh", "this key is for git only"),
        ("git", "this key is for git only"),
        ("git shell 'x'", "this key is for git only"),
        ("scp -t /tmp", "this key is for git only"),
        ("git-upload-pack --strict 'projects.git'", "this key is for git only"),
        ("git-upload-pack 'projects.git", "this key is for git only"),
        ("git-upload-pack projects.git; id", "this key is for git only"),
        ("git-upload-pack '../../etc'", "no such repository; there are: projects.git, vault.git"),
        ("git-upload-pack 'other'", "no such repository"),
        ("git-upload-pack '/etc/passwd'", "no such repository"),
        ("git-upload-pack '.'", "no such repository"),
        ("git-upload-pack '--upload-pack=id'", "no such repository"),
        ("git-upload-pack \"projects.git' 'x\"", "no such repository"),
        ("git-upload-pack 'projects.git\n'", "no such repository"),
    ],
)
def test_nothing_else_is_passed_on(asked: str, message: str, home: Path) -> None:
    with pytest.raises(RefusedError, match=message):
        allowed(asked, home)
