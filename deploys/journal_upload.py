"""Journal upload: what a host and its containers log goes to VictoriaLogs, line by line.

Listens on nothing. The journal of the host is the queue: what the engine has not taken yet is sent
later, from the place where sending ended. Keeps that place in
/var/lib/private/systemd/journal-upload, and the journal in /var/log/journal.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from pyinfra import host, inventory
from pyinfra.api.deploy import deploy

from deploys.declarations import Conflict
from deploys.rendering import render
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from deploys.victoria_logs import UPLOAD_PATH, VictoriaLogs
from operations import packages, retirement, service
from operations.entries import File
from operations.transaction import Steps

PACKAGE, UNIT = "systemd-journal-remote", "systemd-journal-upload"
JOURNALD = "/etc/systemd/journald.conf.d/ai-idp.conf"
UPLOAD = "/etc/systemd/journal-upload.conf.d/ai-idp.conf"
DROP_IN = f"/etc/systemd/system/{UNIT}.service.d/ai-idp.conf"


class JournalUpload(Settings):
    """How much of its journal a host keeps, and how much one service may write into it."""

    role: ClassVar[str] = "journal_upload"

    journal_limit_mib: int = Field(
        default=512, ge=16, description="Most space that the host's own journal takes on its disk"
    )
    disk_reserve_mib: int = Field(
        default=1024, ge=1, description="Space that the journal leaves free on its disk"
    )
    rate_limit_lines: int = Field(
        default=20000,
        ge=1,
        description="Lines of one service in the interval from which on it loses some; the "
        "containers of a host are one service together",
    )
    rate_limit_seconds: int = Field(default=30, ge=1, description="Length of that interval")

    def conflicts(self, machine: Machine, topology: Topology) -> tuple[Conflict, ...]:
        """Somebody has to take the lines, and one alone."""
        engines = [holder.name for holder, _ in topology.holders(VictoriaLogs)]
        if len(engines) == 1:
            return ()
        found = " and ".join(engines) or "no host"
        return (
            Conflict(
                f"{found} {'have' if engines else 'has'} the role victoria_logs, and the journals "
                "go to exactly one",
                "set `victoria_logs` to one host in inventory.py, or take `journal_upload` away",
            ),
        )


@deploy("Journal upload")
def install() -> None:
    settings = JournalUpload.of(host)
    url = upload_url(Topology.of(inventory))
    packages.installed(name="Install the package", packages=[PACKAGE])
    service.deployed(
        name="Deploy the configuration",
        service="journal_upload",
        entries=configuration(settings, url),
        units=[UNIT],
        steps=Steps(
            activate=render("journal_upload/steps/activate.sh.j2").decode(),
            probe=render("journal_upload/steps/probe.sh.j2").decode(),
            probe_seconds=10,
        ),
    )


@deploy("Remove journal upload")
def remove() -> None:
    """Send no more lines; the journal of the host stays, with the distribution's limits."""
    retirement.service_removed(
        name="Remove the configuration", service="journal_upload", units=[UNIT]
    )
    packages.removed(name="Remove the package", packages=[PACKAGE])


def upload_url(topology: Topology) -> str:
    """Where the journals go; the role's `conflicts` see to it that there is one engine."""
    ((machine, engine),) = topology.holders(VictoriaLogs)
    return f"http://{machine.address}:{engine.port}{UPLOAD_PATH}"


def configuration(settings: JournalUpload, url: str) -> list[File]:
    return [
        File(JOURNALD, render("journal_upload/journald.conf.j2", settings=settings)),
        File(UPLOAD, render("journal_upload/journal-upload.conf.j2", url=url)),
        File(DROP_IN, render("journal_upload/ai-idp.conf.j2")),
    ]
