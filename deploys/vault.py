"""Vault: the notes, as a folder that n8n writes and as a repository that people pull and push.

Listens on nothing; people reach /srv/git/vault.git as any repository of role `git`. A sync keeps
the working vault /srv/vault and the repository one. Both stay when the role is removed. What lies
in the vault is people's: the roll-out plants the first settings and templates, and changes them
never again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

from pydantic import Field
from pyinfra import host
from pyinfra.api.deploy import deploy

from deploys.accounts import Account
from deploys.declarations import Backup
from deploys.git import ACCOUNT as GIT
from deploys.git import HOME as REPOSITORIES
from deploys.node_exporter import OWN as NODE_EXPORTER
from deploys.node_exporter import TEXTFILES
from deploys.rendering import render
from deploys.settings import Settings
from deploys.topology import Machine
from operations import packages, retirement, service
from operations.entries import Directory, Entry, File, Link
from operations.transaction import Steps

VAULT, REPOSITORY = "/srv/vault", f"{REPOSITORIES}/vault.git"
WRITTEN_FOLDERS = ("Commits", "Daily", "Experiments", "Incidents")
"""Where n8n writes notes, flat."""
FOLDERS = (*WRITTEN_FOLDERS, "Templates")
ACCOUNT = Account("vault", VAULT, "Working vault", members=(GIT.name,))

FILES = Path(__file__).parent.parent / "files" / "vault"
PROGRAM = "/usr/local/lib/ai-idp/vault_sync"
COMMAND = "/usr/local/bin/vault-sync"
SEEDS = "/usr/local/share/ai-idp/vault"
CONFIGURATION = "/etc/ai-idp/vault"
STATE = "/var/lib/ai-idp-vault"
METRICS = "ai_idp_vault.prom"
SYNC = "ai-idp-vault-sync"
UNITS = (f"{SYNC}.path", f"{SYNC}.timer")


class Vault(Settings):
    """How soon what was written is everywhere."""

    role: ClassVar[str] = "vault"
    requires: ClassVar[tuple[str, ...]] = ("git",)

    settle_seconds: float = Field(
        default=2.0, ge=0.5, description="How long a note is left alone before it counts as whole"
    )
    interval_seconds: int = Field(
        default=60, ge=10, description="How often to look, beside each push and each new note"
    )

    def backups(self, machine: Machine) -> tuple[Backup, ...]:
        """The working vault, where notes may lie that the repository does not have yet."""
        drill = render("vault/steps/drill.sh.j2", vault=VAULT, repository=REPOSITORY).decode()
        return (Backup("vault", (VAULT,), units=UNITS, drill=drill),)


@deploy("Vault")
def install() -> None:
    settings = Vault.of(host)
    packages.installed(name="Install what the sync needs", packages=["git", "python3"])
    service.deployed(
        name="Have the account",
        service="vault_account",
        entries=[ACCOUNT.declaration()],
        steps=ACCOUNT.steps(),
    )
    service.deployed(
        name="Have vault, repository and sync",
        service="vault",
        entries=[*folders(), *repository(), *program(settings), *seeds()],
        units=UNITS,
        steps=steps(),
    )


@deploy("Remove the vault")
def remove() -> None:
    """Sync no more; the notes stay, in the folder and in the repository."""
    retirement.service_removed(
        name="Remove the sync", service="vault", units=[*UNITS, f"{SYNC}.service"]
    )
    retirement.service_removed(name="Forget the account's declaration", service="vault_account")


def folders() -> list[Entry]:
    """The working vault: whoever is in the group writes notes, and everybody else reads none."""
    return [
        _shared(VAULT),
        *(_shared(f"{VAULT}/{name}") for name in FOLDERS),
        Directory(STATE, mode="0711", owner=ACCOUNT.name, group=ACCOUNT.name),
        Directory(f"{STATE}/metrics", owner=ACCOUNT.name, group=ACCOUNT.name),
    ]


def repository() -> list[Entry]:
    """What makes a directory a bare repository; git fills in the rest."""
    directories = ("", "/info", "/objects", "/refs", "/refs/heads")
    texts = {"HEAD": b"ref: refs/heads/main\n", "config": _config("config")}
    return [
        *(_shared(f"{REPOSITORY}{name}", owner=GIT.name) for name in directories),
        *(_readable(f"{REPOSITORY}/{name}", text) for name, text in texts.items()),
        _readable(f"{REPOSITORY}/info/attributes", _config("attributes")),
    ]


def program(settings: Vault) -> list[Entry]:
    """The sync, its units, and what it is told."""
    told = {
        "repository": REPOSITORY,
        "vault": VAULT,
        "state": STATE,
        "metrics": f"{STATE}/metrics/{METRICS}",
        "seeds": SEEDS,
        "settle_seconds": settings.settle_seconds,
    }
    values = {
        "settings": settings,
        "command": COMMAND,
        "account": ACCOUNT.name,
        "writes": (VAULT, REPOSITORY, STATE),
        "watched": [f"{REPOSITORY}/refs/heads", *(f"{VAULT}/{name}" for name in FOLDERS)],
    }
    units = [f"{SYNC}.service", *UNITS]
    return [
        Directory(CONFIGURATION),
        File(f"{CONFIGURATION}/settings.json", f"{json.dumps(told, indent=2)}\n".encode()),
        File(COMMAND, (FILES / "launch.py").read_bytes(), mode="0755"),
        Directory(PROGRAM),
        *(
            File(f"{PROGRAM}/{path.name}", path.read_bytes())
            for path in sorted((FILES / "vault_sync").glob("*.py"))
        ),
        *(
            File(f"/etc/systemd/system/{unit}", render(f"vault/{unit}.j2", **values))
            for unit in units
        ),
        NODE_EXPORTER,
        Link(f"{TEXTFILES}/{METRICS}", f"{STATE}/metrics/{METRICS}"),
    ]


def seeds() -> list[Entry]:
    """What is planted into a vault that never had it."""
    root = FILES / "seeds"
    paths = sorted(path.relative_to(root) for path in root.rglob("*"))
    return [
        Directory(SEEDS),
        *(
            Directory(f"{SEEDS}/{path}")
            if (root / path).is_dir()
            else File(f"{SEEDS}/{path}", (root / path).read_bytes())
            for path in paths
        ),
    ]


def steps() -> Steps:
    values = {"account": ACCOUNT.name, "command": COMMAND, "units": UNITS, "sync": SYNC}
    return Steps(
        validate=render("vault/steps/validate.sh.j2", program=PROGRAM).decode(),
        activate=render("vault/steps/activate.sh.j2", **values).decode(),
        probe=render(
            "vault/steps/probe.sh.j2", metrics=f"{STATE}/metrics/{METRICS}", sync=SYNC
        ).decode(),
        probe_seconds=60,
    )


def _config(name: str) -> bytes:
    return render(f"vault/repository/{name}.j2")


def _shared(path: str, owner: str = ACCOUNT.name) -> Directory:
    return Directory(path, mode="2770", owner=owner, group=ACCOUNT.name)


def _readable(path: str, text: bytes) -> File:
    return File(path, text, mode="0640", owner=GIT.name, group=ACCOUNT.name)
