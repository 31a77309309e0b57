"""Backup: what no host can make again goes to a NAS each night, and comes back from it.

Listens on nothing. One restic repository for each host, encrypted with one password; models, which
can be downloaded again, are copied as they are. What is backed up comes from `backups()` of the
roles. Keeps its own record in /var/lib/ai-idp/backup, also when the role is removed.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from pyinfra import host, inventory
from pyinfra.api.deploy import deploy

import secret_store
from deploys.backup_identity import SSH_KEY
from deploys.backup_jobs import kept, mirrors
from deploys.backup_program import COMMAND, CONFIGURATION, LIBRARY, document, program
from deploys.backup_secrets import PASSWORD, secret_files
from deploys.backup_target import DIRECTORY, Target
from deploys.backup_units import RECOVERY, timers, unit_files
from deploys.declarations import Conflict
from deploys.refusal import refuse
from deploys.rendering import render
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from operations import packages, restoration, retirement, rollout, service
from operations.entries import Directory, Entry, File
from operations.transaction import Steps

PACKAGES = ("restic", "rsync", "python3")
NOT_CONFIGURED = (
    "nothing of this host is backed up: it has no NAS; name yours as `target` in "
    "group_data/backup.py (docs/runbooks/restore.md), then `make apply`"
)


class Backups(Settings):
    """Where backups go, how many stay, and how much of the host they may take."""

    role: ClassVar[str] = "backup"
    requires: ClassVar[tuple[str, ...]] = ("node_exporter",)

    target: Target | None = Field(
        default=None,
        discriminator="kind",
        description="the NAS: Folder(mount_point, path) or Sftp(host, user, path, host_key); None: "
        "nothing is backed up, and every run says so",
    )
    secret_store_on: str = Field(
        default="", description="the host whose backup holds the encrypted secret store too"
    )
    keep_daily: int = Field(default=7, ge=1, description="of how many days the last backup stays")
    keep_weekly: int = Field(default=4, ge=0, description="of how many weeks the last one stays")
    keep_monthly: int = Field(default=6, ge=0, description="of how many months the last one stays")
    hour: int = Field(default=2, ge=0, le=23, description="from which hour on hosts back up")
    spread_minutes: int = Field(
        default=120, ge=0, le=720, description="within which each host has its own moment"
    )
    check_percent: int = Field(
        default=10, ge=1, le=100, description="of the repository that is read each week"
    )
    memory_limit_mib: int = Field(
        default=512, ge=128, description="Memory that a backup may take before it is ended"
    )

    def secrets(self) -> tuple[str, ...]:
        if self.target is None:
            return ()
        return (PASSWORD, SSH_KEY) if self.target.kind == "sftp" else (PASSWORD,)

    def conflicts(self, machine: Machine, topology: Topology) -> tuple[Conflict, ...]:
        """The host that keeps the secret store has a backup, and no two data share a name."""
        names = [backup.what for backup in kept(machine, self.secret_store_on)] + [
            mirror[0] for mirror in mirrors(machine)
        ]
        found = [
            Conflict(
                f"two backups are named `{name}`", "name one otherwise in its role's backups()"
            )
            for name in sorted({name for name in names if names.count(name) > 1})
        ]
        keepers = {holder.name for holder in topology.having(self.role)}
        if self.secret_store_on and self.secret_store_on not in keepers:
            found.append(
                Conflict(
                    f"secret_store_on names {self.secret_store_on}, which has no backup",
                    f"name one of {', '.join(sorted(keepers))} in group_data/backup.py",
                )
            )
        return tuple(found)


@deploy("Backup")
def install() -> None:
    settings = Backups.of(host)
    machine = Topology.of(inventory).machine(host.name)
    target = settings.target
    if target is None:
        retirement.service_removed(name="Have no backup", service="backup", units=timers(machine))
        rollout.noticed(name="Say that nothing is backed up", text=NOT_CONFIGURED)
        return
    packages.installed(name="Install the packages", packages=PACKAGES)
    service.deployed(
        name="Deploy the backup",
        service="backup",
        entries=[
            *program(),
            *configuration(settings, target, machine),
            *secret_files(
                target, machine, settings.secret_store_on, secret_store.for_data(host.data)
            ),
        ],
        units=timers(machine),
        boot_units=[RECOVERY],
        steps=Steps(
            validate=render(
                "backup/steps/validate.sh.j2", library=LIBRARY, configuration=CONFIGURATION
            ).decode(),
            activate=render("backup/steps/activate.sh.j2", units=timers(machine)).decode(),
            probe=f"{COMMAND} tell\n",
        ),
    )


@deploy("Remove the backup")
def remove() -> None:
    """Take the backup off the host; snapshots stay where they are."""
    every = [f"ai-idp-backup{name}.timer" for name in ("", "-check", "-drill", "-mirror")]
    retirement.service_removed(name="Remove the backup", service="backup", units=[*every, RECOVERY])


@deploy("Restore")
def restore(what: tuple[str, ...], snapshot: str) -> None:
    """Put back data of the current host; `what` names backups, empty: all that have their place."""
    settings = host.data.get(Backups.role)
    if not isinstance(settings, Backups) or settings.target is None:
        refuse("this host has no backup, so nothing of it can be put back; name one that has")
        return
    restoration.restored(name="Put back", command=COMMAND, what=what, snapshot=snapshot or "latest")


def configuration(settings: Backups, target: Target, machine: Machine) -> list[Entry]:
    """Everything but the program and the secrets."""
    jobs = kept(machine, settings.secret_store_on)
    keep = {
        "daily": settings.keep_daily,
        "weekly": settings.keep_weekly,
        "monthly": settings.keep_monthly,
    }
    told = document(target, machine, jobs, keep, settings.check_percent)
    return [
        Directory(DIRECTORY, mode="0700"),
        File(CONFIGURATION, told, mode="0600"),
        *target.files(),
        *unit_files(settings, target, machine, jobs),
    ]
