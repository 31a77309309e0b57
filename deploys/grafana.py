"""Grafana: dashboards over Prometheus and the logs, for people who log in.

Listens on the host's address, below /grafana/. Keeps users and sessions in
/var/lib/grafana/grafana.db, also when the role is removed; all else is rolled out: data sources,
dashboards of `files/grafana/dashboards`, and the password of `admin`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import Field
from pyinfra import host, inventory
from pyinfra.api.deploy import deploy

import secret_store
from deploys.declarations import Backup, Port, Route, Scrape
from deploys.gateway import base_url
from deploys.grafana_dashboards import DASHBOARDS, DashboardError, dashboards
from deploys.grafana_data_sources import LOGS_PLUGIN, DataSource, data_sources
from deploys.refusal import refuse
from deploys.rendering import render
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from facts.archive import Archive
from facts.sources import Source
from operations import archive, packages, retirement, service, sources
from operations.entries import Directory, Entry, File
from operations.transaction import Steps
from secret_store import SecretStore

UNIT = "grafana-server"
TOOLS = ("python3-yaml", *archive.PACKAGES)
TOOL_SOURCE = Path(__file__).parent.parent / "files" / "grafana" / "grafana.py"

# The package's postinst gives everything below /etc/grafana this group and these modes at each
# upgrade, so others would drift (grafana/grafana, packaging/deb/control/postinst).
GROUP, FILE_MODE = "grafana", "0640"
DIRECTORY = "/etc/grafana"
PROVISIONING = f"{DIRECTORY}/ai-idp"
PROVISIONED = ("access-control", "alerting", "dashboards", "datasources", "plugins")
"""The folders that Grafana reads below its provisioning path; it complains of missing ones."""
TOOL = "/usr/local/lib/ai-idp/grafana.py"
DROP_INS = f"/etc/systemd/system/{UNIT}.service.d"

DATABASE = "/var/lib/grafana/grafana.db"
PATH = "/grafana/"
ADMIN_PASSWORD, SECRET_KEY = "grafana/admin-password", "grafana/secret-key"

# Of `gpg.key`, the one key that signs since August 2023 (apt.grafana.com). `gpg-full.key` has two
# withdrawn ones beside it, and a source here trusts exactly one.
KEY_URL = "https://apt.grafana.com/gpg.key"
KEY_FINGERPRINT = "B53AE77BADB630A683046005963FA27710458545"
LOGS_PLUGIN_RELEASES = (
    "https://github.com/VictoriaMetrics/victorialogs-datasource/releases/download"
)


class Grafana(Settings):
    """Which Grafana, and which plugin reads the logs."""

    role: ClassVar[str] = "grafana"

    port: int = Field(default=3000, ge=1, le=65535, description="Port of the web interface")
    version: str = Field(
        pattern=r"^\d+\.\d+\.\d+$",
        description="of the package, which apt does not change by itself",
    )
    logs_plugin_version: str = Field(
        pattern=r"^\d+\.\d+\.\d+$",
        description=f"of the plugin {LOGS_PLUGIN}, there where some host has `victoria_logs`",
    )
    logs_plugin_sha256: str = Field(
        pattern=r"^[0-9a-f]{64}$", description="of the plugin's release archive (tar.gz)"
    )
    key_fingerprint: str = Field(
        default=KEY_FINGERPRINT,
        pattern=r"^[0-9A-F]{40}$",
        description="of the key that signs Grafana's repository",
    )

    def ports(self) -> tuple[Port, ...]:
        return (Port(self.port, "dashboards", ("nginx", "prometheus")),)

    def scrapes(self) -> tuple[Scrape, ...]:
        # What is asked beside its path, but /api, Grafana redirects to the gateway
        # (pkg/middleware, SubPathRedirect).
        return (Scrape("grafana", self.port, path=f"{PATH}metrics"),)

    def route(self) -> Route:
        return Route(self.port, "Grafana", health="/api/health", page=PATH)

    def secrets(self) -> tuple[str, ...]:
        return (ADMIN_PASSWORD, SECRET_KEY)

    def backups(self, machine: Machine) -> tuple[Backup, ...]:
        """Users, sessions and what they made; all else is rolled out."""
        drill = render("grafana/steps/drill.sh.j2", database=DATABASE).decode()
        return (
            Backup("grafana", (), databases=(DATABASE,), units=(f"{UNIT}.service",), drill=drill),
        )

    def repository(self) -> Source:
        """Grafana's own packages, the same for every distribution."""
        uri = "https://apt.grafana.com"
        return Source("grafana", uri, "stable", ("main",), KEY_URL, self.key_fingerprint)

    def logs_plugin(self) -> Archive:
        """The plugin's release that these settings name."""
        version = self.logs_plugin_version
        address = f"{LOGS_PLUGIN_RELEASES}/v{version}/{LOGS_PLUGIN}-v{version}.tar.gz"
        return Archive(LOGS_PLUGIN, version, address, self.logs_plugin_sha256)


@deploy("Grafana")
def install() -> None:
    settings = Grafana.of(host)
    topology = Topology.of(inventory)
    try:
        boards = [_dashboard(path) for path in dashboards(DASHBOARDS, topology)]
    except DashboardError as error:
        refuse(str(error))
        return
    found = data_sources(topology)
    plugins = plugin_archives(settings, found)
    repository = settings.repository()
    sources.present(name="Have Grafana's repository", sources=[repository])
    packages.installed(name="Install what checks and a download need", packages=TOOLS)
    archive.present(name="Have the plugin for logs", archives=plugins, units=[UNIT])
    packages.installed(
        name="Install the package",
        packages=[f"grafana={settings.version}"],
        sources=[repository],
        held=True,
    )
    service.deployed(
        name="Deploy the configuration",
        service="grafana",
        entries=[
            *configuration(settings, topology, topology.machine(host.name), found, boards),
            *boards,
            *secret_files(secret_store.for_data(host.data)),
        ],
        units=[UNIT],
        steps=steps(),
    )
    archive.others_removed(
        name="Remove other releases of the plugin", names=[LOGS_PLUGIN], keep=plugins
    )


@deploy("Remove Grafana")
def remove() -> None:
    """Take Grafana off the host; users and what they made stay in /var/lib/grafana."""
    retirement.service_removed(name="Remove the configuration", service="grafana", units=[UNIT])
    packages.removed(name="Remove the package", packages=["grafana"])
    sources.removed(name="Remove Grafana's repository", names=["grafana"])
    archive.others_removed(name="Remove its plugin", names=[LOGS_PLUGIN])


def plugin_archives(settings: Grafana, found: Sequence[DataSource]) -> list[Archive]:
    """What these data sources need beside the package."""
    return [settings.logs_plugin()] if any(x.type == LOGS_PLUGIN for x in found) else []


def configuration(
    settings: Grafana,
    topology: Topology,
    machine: Machine,
    found: Sequence[DataSource],
    boards: Sequence[File],
) -> list[Entry]:
    """Everything but dashboards and secrets."""
    names = [Path(board.path).stem for board in boards]
    values = {
        "settings": settings,
        "address": machine.address,
        "root_url": f"{base_url(topology) or machine.url(settings.port)}{PATH}",
        "provisioning": PROVISIONING,
        "dashboards": f"{DIRECTORY}/dashboards",
        "home": f"{DIRECTORY}/dashboards/overview.json" if "overview" in names else "",
        # The folder of a release: with this file its plugin is put back too.
        "plugins": [plugin.folder for plugin in plugin_archives(settings, found)],
        "data_sources": found,
    }
    folders = ["ai-idp", *(f"ai-idp/{name}" for name in PROVISIONED), "dashboards", "secrets"]
    texts = {
        f"{DIRECTORY}/grafana.ini": "grafana.ini",
        f"{PROVISIONING}/datasources/ai-idp.yaml": "datasources.yaml",
        f"{PROVISIONING}/dashboards/ai-idp.yaml": "dashboards.yaml",
    }
    return [
        *(Directory(f"{DIRECTORY}/{name}", group=GROUP) for name in folders),
        *(_file(path, render(f"grafana/{name}.j2", **values)) for path, name in texts.items()),
        Directory(DROP_INS),
        File(f"{DROP_INS}/ai-idp.conf", render("grafana/ai-idp.conf.j2", **values)),
        File(TOOL, TOOL_SOURCE.read_bytes(), mode="0755"),
    ]


def secret_files(store: SecretStore) -> list[File]:
    return [
        _file(
            f"{DIRECTORY}/secrets/{name.partition('/')[2]}",
            store.get(name).get_secret_value().encode(),
            secret=True,
        )
        for name in (ADMIN_PASSWORD, SECRET_KEY)
    ]


def steps() -> Steps:
    """What has to hold beside the files: `admin` has the password."""
    # A new database is filled table by table at the first start.
    values = {"tool": TOOL, "unit": UNIT, "start_seconds": 120}
    return Steps(
        validate=f'python3 -B "$STAGE{TOOL}" validate "$STAGE"\n',
        activate=render("grafana/steps/activate.sh.j2", **values).decode(),
        probe=f"python3 -B {TOOL} probe\n",
        # Dashboards are read after the first answer.
        probe_seconds=30,
        live=f"python3 -B {TOOL} state",
    )


def _dashboard(path: Path) -> File:
    return _file(f"{DIRECTORY}/dashboards/{path.name}", path.read_bytes())


def _file(path: str, content: bytes, secret: bool = False) -> File:
    return File(path, content, mode=FILE_MODE, group=GROUP, secret=secret)
