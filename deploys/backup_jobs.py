"""Backup jobs: what of a host is backed up, and what is only mirrored."""

from __future__ import annotations

from deploys.backup_secrets import STORE_ARCHIVE
from deploys.declarations import Backup
from deploys.models import Models, held_by
from deploys.topology import Machine


def kept(machine: Machine, secret_store_on: str) -> tuple[Backup, ...]:
    """Everything of `machine` that is backed up: what its roles declare, and what hosts have.

    `secret_store_on` names the host whose backup holds the secret store.
    """
    declared = (backup for held in machine.settings.values() for backup in held.backups(machine))
    configurations = Backup(
        "configurations",
        ("/etc",),
        drill='grep -q "^root:" "$RESTORED/etc/passwd"\ntest -s "$RESTORED/etc/hosts"\n',
        in_place=False,
    )
    store = Backup(
        "secret-store",
        (STORE_ARCHIVE,),
        drill=f'names=$(tar -tf "$RESTORED{STORE_ARCHIVE}")\n'
        "printf '%s\\n' \"$names\" | grep -qx store.json\n",
        in_place=False,
    )
    is_keeper = machine.name == secret_store_on
    return (*declared, configurations, *((store,) if is_keeper else ()))


def mirrors(machine: Machine) -> tuple[tuple[str, str], ...]:
    """Names and folders of what can be had again: copied, without older states."""
    models = machine.settings.get(Models.role)
    return (
        (("models", models.directory),) if isinstance(models, Models) and held_by(machine) else ()
    )
