"""Git: which names and keys are taken, what a key opens, and what a push may bring."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from deploys.commit_events import CommitEvents
from deploys.firewall import rules
from deploys.git import Git, entries, steps
from deploys.settings import Settings
from deploys.ssh import Ssh
from deploys.topology import Machine, Topology
from files.git.serve import RefusedError, allowed
from operations.entries import Directory, File
from tests.unit.sample_repository import git

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


def test_each_repository_is_made_by_git_once() -> None:
    settings = Git(repositories=("one", "two"))
    made = [x.path for x in entries(settings) if isinstance(x, Directory) and x.owner == "git"]
    assert made == ["/srv/git/one.git", "/srv/git/two.git"]
    text = steps(settings).activate
    assert text.count("git init --quiet --bare --template= /srv/git/") == 2
    assert "[ -e /srv/git/one.git/HEAD ] ||" in text
    assert steps(settings).live == "ls -d /srv/git/one.git/HEAD /srv/git/two.git/HEAD"


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
