"""n8n's files: where they lie, its programs, what it is told, and the secrets that it is handed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from deploys.n8n_login import password_hash
from deploys.rendering import render
from deploys.topology import Machine
from deploys.vault import ACCOUNT as VAULT_ACCOUNT
from deploys.vault import VAULT, WRITTEN_FOLDERS, Vault
from deploys.webhooks import PATH
from operations.entries import Directory, Entry, File
from secret_store import SecretStore

if TYPE_CHECKING:
    from deploys.n8n import N8n

FILES = Path(__file__).parent.parent / "files"
IMPORT_SOURCE = FILES / "n8n" / "import-workflows"
VERSIONED_DATA_SOURCE = FILES / "versioned_data" / "versioned-data"

UNIT = "n8n"
UNIT_FILE = f"/etc/systemd/system/{UNIT}.service"
CONFIGURATION = "/etc/n8n"
STATE = "/var/lib/n8n"
DATABASE = f"{STATE}/.n8n/database.sqlite"
PROGRAMS = "/usr/local/lib/ai-idp/n8n"
IMPORT = f"{PROGRAMS}/import-workflows"
# Its own: another role's, beside it, would go with that role.
VERSIONED_DATA = f"{PROGRAMS}/versioned-data"

ENCRYPTION_KEY, OWNER_PASSWORD = "n8n/encryption-key", "n8n/owner-password"
SECRET_FILES = ("encryption-key", "owner-password-hash", "credentials.json")

# Each of them would ask a server of n8n's, or brings what was left out of the tree.
MODULES_OFF = (
    *("agents", "chat-hub", "community-packages", "dynamic-credentials", "external-secrets"),
    *("insights", "instance-ai", "instance-version-history", "ldap", "log-streaming", "mcp"),
    *("mcp-registry", "n8n-packages", "oauth-server", "otel", "provisioning", "quick-connect"),
    *("runtime-credentials", "source-control", "sso-oidc", "sso-saml", "token-exchange"),
    *("workflow-builder", "workflow-reviews"),
)
NODES_OFF = tuple(
    f"n8n-nodes-base.{name}" for name in ("executeCommand", "localFileTrigger", "ssh")
)


def programs() -> list[Entry]:
    return [
        Directory(PROGRAMS),
        File(IMPORT, IMPORT_SOURCE.read_bytes(), mode="0755"),
        File(VERSIONED_DATA, VERSIONED_DATA_SOURCE.read_bytes(), mode="0755"),
    ]


def configuration(
    settings: N8n, machine: Machine, *, url: str, node: str, program: str
) -> list[Entry]:
    """Everything but secrets and workflows.

    `url`: where people open it; `node`: Node's folder; `program`: what Node runs.
    """
    values = {
        "settings": settings,
        "address": machine.address,
        "base": url,
        "path": PATH,
        "owner": f"admin@{machine.data['domain']}",
        "secrets": [f"{CONFIGURATION}/secrets/{name}" for name in SECRET_FILES],
        "note_folders": [f"{VAULT}/{name}" for name in WRITTEN_FOLDERS],
        "vault_group": VAULT_ACCOUNT.name if Vault.role in machine.groups else "",
        "modules_off": MODULES_OFF,
        "nodes_off": json.dumps(NODES_OFF),
        "configuration": CONFIGURATION,
        "state": STATE,
        "database": DATABASE,
        "import_workflows": IMPORT,
        "versioned_data": VERSIONED_DATA,
        "node_folder": f"{node}/bin",
        "node": f"{node}/bin/node",
        "n8n": program,
    }
    return [
        Directory(CONFIGURATION),
        Directory(f"{CONFIGURATION}/secrets", mode="0700"),
        Directory(f"{CONFIGURATION}/workflows"),
        File("/etc/sysusers.d/n8n.conf", render("n8n/sysusers.conf.j2", state=STATE)),
        File(f"{CONFIGURATION}/n8n.env", render("n8n/n8n.env.j2", **values)),
        File(UNIT_FILE, render("n8n/n8n.service.j2", **values)),
    ]


def secret_files(store: SecretStore, credentials: bytes) -> list[File]:
    """Read by root alone; the unit hands them to the service."""
    key = store.get(ENCRYPTION_KEY).get_secret_value().encode()
    password = password_hash(store.get(OWNER_PASSWORD).get_secret_value())
    return [
        File(f"{CONFIGURATION}/secrets/{name}", content, mode="0600", secret=True)
        for name, content in zip(SECRET_FILES, (key, password, credentials), strict=True)
    ]
