"""n8n: workflows that turn commits, alerts and runs into notes of the vault.

Runs natively on its own Node, below /n8n/ of the gateway (port 5678). Keeps its database in
/var/lib/n8n, also when the role is removed. Workflows and credentials are files here and are
imported when they differ; the owner logs in as admin@<domain> with the secret n8n/owner-password.
"""

from __future__ import annotations

import json
from typing import ClassVar, Literal

from pydantic import Field
from pyinfra import host, inventory
from pyinfra.api.deploy import deploy
from pyinfra.operations import files

import secret_store
from deploys.declarations import Backup, MemoryClaim, Port, Route, Scrape
from deploys.gateway import base_url
from deploys.n8n_files import (
    CONFIGURATION,
    DATABASE,
    ENCRYPTION_KEY,
    OWNER_PASSWORD,
    STATE,
    UNIT,
    configuration,
    programs,
    secret_files,
)
from deploys.n8n_steps import steps
from deploys.n8n_tree import DIRECTORY, OWN_FILES, tree_files, tree_hash, tree_sources
from deploys.n8n_workflows import (
    WORKFLOWS,
    WorkflowError,
    credentials,
    left_out,
    placeholder_values,
    workflows,
)
from deploys.refusal import refuse
from deploys.rendering import render
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from deploys.vault import VAULT, Vault
from deploys.webhooks import PATH, TOKEN
from facts.archive import Archive
from operations import archive, packages, retirement, rollout, service
from operations.entries import File

PACKAGES = (*archive.PACKAGES, "python3")


class N8n(Settings):
    """Which n8n runs on which Node, and what it may take of its host."""

    role: ClassVar[str] = "n8n"

    node_version: str = Field(pattern=r"^24\.\d+\.\d+$", description="of Node, which n8n needs")
    node_sha256: str = Field(
        pattern=r"^[0-9a-f]{64}$", description="of Node's archive for linux-x64 (tar.gz)"
    )
    sqlite_addon_version: str = Field(
        pattern=r"^\d+\.\d+\.\d+$", description="of sqlite3 in files/n8n/package-lock.json"
    )
    sqlite_addon_sha256: str = Field(
        pattern=r"^[0-9a-f]{64}$", description="of its prebuilt archive (napi-v6, linux-x64)"
    )
    port: int = Field(default=5678, ge=1, le=65535, description="Port of the editor and webhooks")
    broker_port: int = Field(
        default=5679, ge=1, le=65535, description="Port on loopback at which code nodes are run"
    )
    memory_limit_mib: int = Field(
        default=1536, ge=768, description="Most memory that it may take of its host"
    )
    payload_limit_mib: int = Field(default=4, ge=1, description="Largest request of a webhook")
    executions_kept_days: int = Field(default=14, ge=1, description="How long runs are kept")
    executions_kept: int = Field(default=5000, ge=1, description="How many runs are kept at most")
    model_role: Literal["llama_cpp", "vllm"] = Field(
        default="llama_cpp", description="role whose model summarises and tags"
    )

    @property
    def version(self) -> str:
        """The n8n that files/n8n/package.json names."""
        pinned: str = json.loads((OWN_FILES / "package.json").read_text())["dependencies"]["n8n"]
        return pinned

    @property
    def build(self) -> str:
        """The version, and which tree of packages it is."""
        return f"{self.version}-{tree_hash(tree_files(), self.sqlite_addon_sha256)}"

    @property
    def tree(self) -> str:
        """The folder of the tree on the host."""
        return f"{DIRECTORY}/{self.build}"

    @property
    def program(self) -> str:
        """What Node runs, on the host."""
        return f"{self.tree}/node_modules/n8n/bin/n8n"

    def node_archive(self) -> Archive:
        version = self.node_version
        address = f"https://nodejs.org/dist/v{version}/node-v{version}-linux-x64.tar.gz"
        return Archive("node", version, address, self.node_sha256)

    def sqlite_addon(self) -> Archive:
        """The native part of sqlite3, which its install script would download or compile."""
        version = self.sqlite_addon_version
        release = f"https://github.com/TryGhost/node-sqlite3/releases/download/v{version}"
        address = f"{release}/sqlite3-v{version}-napi-v6-linux-x64.tar.gz"
        return Archive("node-sqlite3", version, address, self.sqlite_addon_sha256)

    @property
    def node(self) -> str:
        return f"{self.node_archive().folder}/node-v{self.node_version}-linux-x64"

    def url(self, topology: Topology, machine: Machine) -> str:
        """Where people open it: below the gateway, and on `machine` itself without one."""
        return f"{base_url(topology) or machine.url(self.port)}{PATH}"

    def ports(self) -> tuple[Port, ...]:
        reachable_from = ("nginx", "alertmanager", "commit_events", "prometheus")
        return (Port(self.port, "workflows", reachable_from),)

    def scrapes(self) -> tuple[Scrape, ...]:
        return (Scrape(self.role, self.port),)

    def route(self) -> Route:
        return Route(self.port, "n8n", health="/healthz/readiness", page=PATH)

    def secrets(self) -> tuple[str, ...]:
        return (ENCRYPTION_KEY, OWNER_PASSWORD, TOKEN)

    def memory(self, machine: Machine) -> tuple[MemoryClaim, ...]:
        return (MemoryClaim(self.memory_limit_mib),)

    def backups(self, machine: Machine) -> tuple[Backup, ...]:
        """All that it keeps, and the key without which its credentials are unreadable.

        With its database goes which version used it well, and what people had made of workflows.
        """
        return (
            Backup(
                what=self.role,
                paths=(STATE, f"{CONFIGURATION}/secrets"),
                databases=(DATABASE,),
                units=(UNIT,),
                drill=render(
                    "n8n/drill.sh.j2",
                    settings=self,
                    state=STATE,
                    configuration=CONFIGURATION,
                    vault=VAULT,
                ).decode(),
            ),
        )


@deploy("n8n")
def install() -> None:
    settings = N8n.of(host)
    topology = Topology.of(inventory)
    machine = topology.machine(host.name)
    store = secret_store.for_data(host.data)
    vault = VAULT if Vault.role in machine.groups else ""
    values = placeholder_values(topology, settings.model_role, vault)
    try:
        held = [
            File(f"{CONFIGURATION}/workflows/{workflow.id}.json", workflow.content)
            for workflow in workflows(WORKFLOWS, values)
        ]
        missing = left_out(WORKFLOWS, values)
    except WorkflowError as error:
        refuse(str(error))
        return
    releases = [settings.node_archive(), settings.sqlite_addon()]
    packages.installed(name="Install what a download and the import need", packages=PACKAGES)
    archive.present(name="Have Node and the addon of sqlite", archives=releases, units=[UNIT])
    service.deployed(
        name="Deploy the service",
        service="n8n",
        entries=[
            *tree_sources(),
            *programs(),
            *configuration(
                settings,
                machine,
                url=settings.url(topology, machine),
                node=settings.node,
                program=settings.program,
            ),
            *held,
            *secret_files(store, credentials(topology, store, settings.model_role)),
        ],
        units=[UNIT],
        steps=steps(
            settings,
            addon=settings.sqlite_addon().folder,
            tree=settings.tree,
            endpoint=f"{machine.address}:{settings.port}",
        ),
    )
    archive.others_removed(
        name="Remove other releases", names=[x.name for x in releases], keep=releases
    )
    if missing:
        rollout.noticed(name="Say which workflows there are not", text=missing)


@deploy("Remove n8n")
def remove() -> None:
    """Take n8n off the host; its database and what was replaced stay in /var/lib/n8n."""
    retirement.service_removed(name="Remove the service", service="n8n", units=[UNIT])
    archive.others_removed(name="Remove Node and the addon", names=["node", "node-sqlite3"])
    files.directory(name="Remove what n8n was made of", path=DIRECTORY, present=False)
