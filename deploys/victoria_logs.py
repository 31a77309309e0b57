"""VictoriaLogs: keeps the journals of all hosts, and answers what Grafana and people ask of them.

Listens on the host's address (port 9428), for reading and writing. Keeps its data in
/var/lib/victoria-logs, also when the role is removed. It knows no login: the firewall lets in the
hosts that send their journals and those that read, and the gateway asks people for a password.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from pyinfra import host, inventory
from pyinfra.api.deploy import deploy

from deploys.declarations import DiskClaim, Port, Route, Scrape
from deploys.gateway import ADMIN_PASSWORD
from deploys.rendering import render
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from facts.archive import Archive
from operations import archive, packages, retirement, service
from operations.entries import File
from operations.transaction import Steps

ARCHIVE, PROGRAM, UNIT = "victoria-logs", "victoria-logs-prod", "victoria-logs"
UNIT_FILE = f"/etc/systemd/system/{UNIT}.service"
UPLOAD_PATH = "/insert/journald"
"""Where systemd-journal-upload sends to; it appends `/upload` itself."""

# journald alone writes fields that begin with `_`, each once. On a stream field that an entry has
# twice 1.52.0 ends for good, and everybody may write the others (VictoriaLogs, issues 1603, 1604).
STREAM_FIELDS = ("_HOSTNAME", "_SYSTEMD_UNIT")
CACHE_SHARE = 0.4
"""Of the memory limit: the rest is for queries and for what is on its way to the disk."""
DATA = "/var/lib/victoria-logs"
GIB, MIB = 1024**3, 1024**2
ONLY_AMD64 = """\
[ "$(uname -m)" = x86_64 ] || {
    echo "the release is for x86_64, and this host is $(uname -m); give the role to another host"
    exit 1
}
"""


class VictoriaLogs(Settings):
    """Which VictoriaLogs, how much it keeps, and where it answers."""

    role: ClassVar[str] = "victoria_logs"

    version: str = Field(pattern=r"^\d+\.\d+\.\d+$", description="of the release")
    sha256: str = Field(
        pattern=r"^[0-9a-f]{64}$", description="of the release's archive for linux-amd64"
    )
    port: int = Field(
        default=9428, ge=1, le=65535, description="Port of the API and the web interface"
    )
    retention_days: int = Field(default=30, ge=1, description="How long lines are kept at most")
    disk_limit_gib: int = Field(
        default=4,
        ge=1,
        description="Size from which the oldest days go early; the last two stay",
    )
    disk_reserve_mib: int = Field(
        default=1024, ge=1, description="Free space below which it takes no more lines"
    )
    memory_limit_mib: int = Field(
        default=512, ge=128, description="Most memory that it may take of its host"
    )

    def ports(self) -> tuple[Port, ...]:
        reachable_from = ("journal_upload", "nginx", "prometheus", "grafana")
        return (Port(self.port, "logs", reachable_from),)

    def scrapes(self) -> tuple[Scrape, ...]:
        return (Scrape("victoria_logs", self.port),)

    def route(self) -> Route:
        return Route(self.port, "Logs", page="/logs/", password_secret=ADMIN_PASSWORD)

    def disk(self, machine: Machine) -> tuple[DiskClaim, ...]:
        """The size that it keeps, and the space below which it takes no more."""
        return (DiskClaim(DATA, self.disk_limit_gib * GIB, self.disk_reserve_mib * MIB),)

    def archive(self) -> Archive:
        """The release that these settings name."""
        return Archive(ARCHIVE, self.version, archive_url(self.version), self.sha256)


@deploy("VictoriaLogs")
def install() -> None:
    settings = VictoriaLogs.of(host)
    machine = Topology.of(inventory).machine(host.name)
    release = settings.archive()
    packages.installed(name="Install what a download needs", packages=archive.PACKAGES)
    archive.present(name="Have the program", archives=[release], units=[UNIT])
    service.deployed(
        name="Deploy the service",
        service="victoria_logs",
        entries=[unit_file(settings, machine)],
        units=[UNIT],
        steps=Steps(
            validate=ONLY_AMD64,
            probe=render(
                "victoria_logs/steps/probe.sh.j2",
                endpoint=endpoint(settings, machine),
                unit=UNIT,
                unit_file=UNIT_FILE,
            ).decode(),
        ),
    )
    archive.others_removed(name="Remove other releases", names=[ARCHIVE], keep=[release])


@deploy("Remove VictoriaLogs")
def remove() -> None:
    """Take VictoriaLogs off the host; the lines that it keeps stay."""
    retirement.service_removed(name="Remove the service", service="victoria_logs", units=[UNIT])
    archive.others_removed(name="Remove the program", names=[ARCHIVE])


def archive_url(version: str) -> str:
    """Where the project has the archive of a release."""
    release = f"https://github.com/VictoriaMetrics/VictoriaLogs/releases/download/v{version}"
    return f"{release}/victoria-logs-linux-amd64-v{version}.tar.gz"


def endpoint(settings: VictoriaLogs, machine: Machine) -> str:
    return f"{machine.address}:{settings.port}"


def unit_file(settings: VictoriaLogs, machine: Machine) -> File:
    text = render(
        "victoria_logs/victoria-logs.service.j2",
        settings=settings,
        program=f"{settings.archive().folder}/{PROGRAM}",
        endpoint=endpoint(settings, machine),
        stream_fields=",".join(STREAM_FIELDS),
        cache_mib=int(settings.memory_limit_mib * CACHE_SHARE),
    )
    return File(UNIT_FILE, text)
