"""n8n's workflows: the files of this checkout with the addresses of this inventory in them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploys.gateway import base_url
from deploys.mlflow import ADMIN_PASSWORD as MLFLOW_PASSWORD
from deploys.mlflow import PATH as MLFLOW_PATH
from deploys.topology import Topology
from deploys.webhooks import TOKEN
from secret_store import SecretStore

WORKFLOWS = Path(__file__).parent.parent / "files" / "n8n" / "workflows"
PLACEHOLDER = re.compile(r"@@([A-Z_]+)@@")
MODEL_PATHS = {"llama_cpp": "/llama/v1", "vllm": "/vllm/v1"}
"""Where the gateway has the API of a role that serves a chat model."""

COME_FROM = {
    "MODEL_URL": "a model behind the gateway",
    "MODEL": "a model behind the gateway",
    "PROMETHEUS_URL": "`prometheus`",
    "MLFLOW_URL": "`mlflow`",
    "MLFLOW_PAGE": "`mlflow`",
    "VAULT": "`vault` on the host of `n8n`",
    "BASE_URL": "`nginx`",
}
"""What has to be in the inventory for a placeholder to have a value."""
NAMES = frozenset(COME_FROM)


class WorkflowError(ValueError):
    """A file that is no workflow: which one, what is wrong, what to do."""


@dataclass(frozen=True)
class Workflow:
    """A workflow as n8n imports it."""

    id: str
    content: bytes


def workflows(folder: Path, values: Mapping[str, str]) -> list[Workflow]:
    """The workflows of a folder that `values` suffice for; WorkflowError for what is none."""
    found = [_filled(file, values) for file in sorted(folder.glob("*.json"))]
    return [workflow for workflow in found if workflow]


def left_out(folder: Path, values: Mapping[str, str]) -> str:
    """The workflows that `values` do not suffice for, and what they want; empty for none."""
    wants: dict[str, list[str]] = {}
    for file in sorted(folder.glob("*.json")):
        missing = sorted(set(PLACEHOLDER.findall(file.read_text())) - values.keys())
        if missing:
            wants[file.stem] = list(dict.fromkeys(COME_FROM[name] for name in missing))
    said = "; ".join(f"{name} wants {' and '.join(things)}" for name, things in wants.items())
    return f"n8n lacks workflows, since the inventory lacks what they want: {said}" if said else ""


def placeholder_values(topology: Topology, model_role: str, vault: str) -> dict[str, str]:
    """What the placeholders stand for; one whose service the inventory lacks is missing."""
    base = base_url(topology)
    values = {"VAULT": vault} if vault else {}
    if base:
        values["BASE_URL"] = base
    for machine in topology.having(model_role)[:1]:
        if base:
            values["MODEL_URL"] = f"{base}{MODEL_PATHS[model_role]}"
            values["MODEL"] = str(getattr(machine.settings[model_role], "model", ""))
    for role in ("prometheus", "mlflow"):
        for machine in topology.having(role)[:1]:
            port = machine.settings[role].ports()[0].number
            values[f"{role.upper()}_URL"] = machine.url(port)
            if role == "mlflow":
                values["MLFLOW_PAGE"] = f"{base or values['MLFLOW_URL']}{MLFLOW_PATH.rstrip('/')}"
    return values


def credentials(topology: Topology, store: SecretStore, model_role: str) -> bytes:
    """n8n's credentials, under the ids that the workflows name."""
    token = store.get(TOKEN).get_secret_value()
    found = [_bearer("webhookToken0001", "Webhook token", token)]
    if topology.having(model_role):
        key = store.get(f"{model_role}/api-key").get_secret_value()
        found.append(_bearer("modelKey00000001", "Model key", key))
    if topology.having("mlflow"):
        password = store.get(MLFLOW_PASSWORD).get_secret_value()
        data = {"user": "admin", "password": password}
        found.append(_credential("mlflowLogin00001", "MLflow login", "httpBasicAuth", data))
    return json.dumps(found, indent=2).encode() + b"\n"


def _filled(file: Path, values: Mapping[str, str]) -> Workflow | None:
    text = file.read_text()
    named = set(PLACEHOLDER.findall(text))
    unknown = sorted(named - NAMES)
    if unknown:
        raise WorkflowError(
            f"{file.name} has the placeholder @@{unknown[0]}@@, which nothing fills; "
            f"known are {', '.join(sorted(NAMES))}"
        )
    try:
        id = json.loads(text)["id"]
    except (ValueError, KeyError, TypeError) as error:
        raise WorkflowError(
            f"{file.name} is no workflow ({error!r}); export it anew, as an object with an id"
        ) from error
    if named - values.keys():
        return None
    return Workflow(id, PLACEHOLDER.sub(lambda at: json.dumps(values[at[1]])[1:-1], text).encode())


def _bearer(id: str, name: str, token: str) -> dict[str, object]:
    data = {"name": "Authorization", "value": f"Bearer {token}"}
    return _credential(id, name, "httpHeaderAuth", data)


def _credential(id: str, name: str, type: str, data: Mapping[str, str]) -> dict[str, object]:
    return {"id": id, "name": name, "type": type, "data": dict(data)}
