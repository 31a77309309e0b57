"""Git: bare repositories in /srv/git, for people whose key is known, and for nothing but git.

Listens on nothing: clients come over the host's SSH, to the account `git`. A key of it runs one
program, which passes on git's own services on one of the repositories. Repositories stay when they
are no longer declared, and when the role is removed.
"""

from __future__ import annotations

import base64
import re
import shlex
from pathlib import Path
from typing import ClassVar

from pydantic import Field, field_validator
from pyinfra import host
from pyinfra.api.deploy import deploy

from deploys.accounts import Account
from deploys.declarations import Backup
from deploys.rendering import render
from deploys.settings import Settings
from deploys.topology import Machine
from operations import packages, retirement, service
from operations.entries import Directory, Entry, File
from operations.transaction import Steps

HOME = "/srv/git"
ACCOUNT = Account("git", HOME, "Git repositories", shell="/usr/bin/git-shell")
AS_GIT = f"runuser -u {ACCOUNT.name} -- env --chdir={HOME} HOME={HOME}"
PACKAGES = ("git", "python3")
SERVE = Path(__file__).parent.parent / "files" / "git" / "serve.py"
LOCKS = "ai-idp-git-locks"
UNITS = (f"{LOCKS}.timer",)

# No name that a shell, a path or `git` would read otherwise, nor one that is a repository's ending.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
TAKEN = ("vault",)
"""Names of repositories that other roles have there."""
KEY = re.compile(
    r"((?:sk-)?(?:ssh-ed25519|ecdsa-sha2-nistp(?:256|384|521))(?:@openssh\.com)?|ssh-rsa)"
    r" ([A-Za-z0-9+/]+={0,2})( [^\r\n]*)?"
)


class Git(Settings):
    """Which repositories there are, and who may come."""

    role: ClassVar[str] = "git"
    requires: ClassVar[tuple[str, ...]] = ("ssh",)

    repositories: tuple[str, ...] = Field(
        default=(), description="Names of the bare repositories, without `.git`"
    )
    keys: tuple[str, ...] = Field(
        default=(),
        description="Public keys of who may clone and push, as in `id_ed25519.pub`, in every one",
    )
    from_roles: tuple[str, ...] = Field(
        default=("commit_events",),
        description="Roles whose hosts get through the firewall to SSH here, beside `ssh`'s own",
    )
    largest_push_mib: int = Field(default=256, ge=1, description="A larger push is refused")

    @field_validator("repositories")
    @classmethod
    def _are_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not NAME.fullmatch(name) or name.endswith((".git", ".lock", ".")) or ".." in name:
                raise ValueError(
                    f"`{name}` is no name of a repository; use letters, digits, `.`, `_` and `-`, "
                    "60 at most, a letter or digit first, without `.git`"
                )
            if name in TAKEN:
                raise ValueError(f"`{name}` is the repository of the role `{name}`; take another")
        if len({name.lower() for name in names}) < len(names):
            raise ValueError("a repository is named twice; name each once")
        return names

    @field_validator("keys")
    @classmethod
    def _are_public_keys(cls, keys: tuple[str, ...]) -> tuple[str, ...]:
        for key in keys:
            found = KEY.fullmatch(key)
            if found is None or not _holds(found[2], found[1]):
                raise ValueError(
                    f"`{key[:40]}` is no public key; take the one line of a file such as "
                    "~/.ssh/id_ed25519.pub, without options before it"
                )
        return keys

    def ssh_clients(self) -> tuple[str, ...]:
        return self.from_roles

    def paths(self) -> list[str]:
        """The repositories' directories."""
        return [f"{HOME}/{name}.git" for name in self.repositories]

    def backups(self, machine: Machine) -> tuple[Backup, ...]:
        """All repositories, those of other roles included; somebody may push meanwhile."""
        drill = render("git/steps/drill.sh.j2").decode()
        # Loose ones first: they are packed, never unpacked (git-pack-refs(1)).
        refs = (f"{HOME}/*.git/refs", f"{HOME}/*.git/packed-refs")
        return (Backup("git", (HOME,), early=refs, drill=drill),)


@deploy("Git")
def install() -> None:
    settings = Git.of(host)
    packages.installed(name="Install git", packages=PACKAGES)
    service.deployed(
        name="Have the account",
        service="git_account",
        entries=[ACCOUNT.declaration()],
        steps=ACCOUNT.steps(),
    )
    service.deployed(
        name="Have the repositories",
        service="git",
        entries=[*entries(settings), *units()],
        units=UNITS,
        steps=steps(settings),
    )


@deploy("Remove git")
def remove() -> None:
    """Let nobody in any more; the repositories stay, and so does the account that owns them."""
    retirement.service_removed(
        name="Remove the access", service="git", units=[*UNITS, f"{LOCKS}.service"]
    )
    retirement.service_removed(name="Forget the account's declaration", service="git_account")


def entries(settings: Git) -> list[Entry]:
    """Everything of the account is root's, but for the repositories."""
    # With restrict= no forwarding and no terminal; git-shell runs the forced command by its name.
    keys = "".join(f'restrict,command="serve" {key}\n' for key in settings.keys)
    owned = {"mode": "0750", "owner": ACCOUNT.name, "group": ACCOUNT.name}
    return [
        Directory(HOME),
        Directory(f"{HOME}/.ssh"),
        File(f"{HOME}/.ssh/authorized_keys", keys.encode()),
        File(f"{HOME}/.gitconfig", render("git/gitconfig.j2", settings=settings)),
        Directory(f"{HOME}/git-shell-commands"),
        File(f"{HOME}/git-shell-commands/serve", SERVE.read_bytes(), mode="0755"),
        *(Directory(path, **owned) for path in settings.paths()),
    ]


def units() -> list[Entry]:
    """What removes the locks of a git that was killed, in every repository here."""
    values = {"home": HOME, "account": ACCOUNT.name}
    return [
        File(f"/etc/systemd/system/{unit}", render(f"git/{unit}.j2", **values))
        for unit in (f"{LOCKS}.service", *UNITS)
    ]


def steps(settings: Git) -> Steps:
    """A new repository is filled by git itself; later ones are found by their HEAD."""
    paths = settings.paths()
    heads = " ".join(shlex.quote(f"{path}/HEAD") for path in paths)
    values = {"paths": paths, "as_git": AS_GIT, "home": HOME, "locks": LOCKS}
    return Steps(
        validate='python3 -B -m py_compile "$STAGE/srv/git/git-shell-commands/serve"\n'
        'rm -rf "$STAGE/srv/git/git-shell-commands/__pycache__"\n',
        activate=render("git/steps/activate.sh.j2", **values).decode(),
        probe=render("git/steps/probe.sh.j2", **values).decode(),
        probe_seconds=5,
        live=f"ls -d {heads}" if paths else "",
    )


def _holds(encoded: str, kind: str) -> bool:
    """Whether the bytes of a key begin with its kind, as all do (RFC 4253, 6.6)."""
    try:
        raw = base64.b64decode(encoded, validate=True)
    except ValueError:
        return False
    return raw[4 : 4 + len(kind)] == kind.encode()
