"""Workflows of n8n: placeholders are filled, and what the inventory lacks is left out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploys.base import Base
from deploys.llama_cpp import LlamaCpp
from deploys.mlflow import Mlflow
from deploys.n8n_workflows import (
    NAMES,
    WORKFLOWS,
    WorkflowError,
    credentials,
    left_out,
    placeholder_values,
    workflows,
)
from deploys.nginx import Nginx
from deploys.prometheus import Prometheus
from deploys.topology import Machine, Topology
from deploys.webhooks import TOKEN
from secret_store import SecretStore

DATA = {"domain": "example.home.arpa"}


def topology() -> Topology:
    llama = LlamaCpp.model_construct(model="small")
    return Topology(
        (
            Machine("door", "192.0.2.9", ("nginx",), {"nginx": Nginx(), "base": Base()}, DATA),
            Machine("desk", "192.0.2.7", ("llama_cpp",), {"llama_cpp": llama}, DATA),
            Machine("watch", "192.0.2.8", ("prometheus",), {"prometheus": Prometheus()}, DATA),
        ),
        (),
    )


def written(folder: Path, **more: object) -> Path:
    body = {"id": "commitNotes000001", "name": "Commits", **more}
    (folder / "commits.json").write_text(json.dumps(body))
    return folder


def test_placeholders_are_filled_as_json(tmp_path: Path) -> None:
    folder = written(tmp_path, nodes=[{"url": "@@MODEL_URL@@/chat", "where": "@@VAULT@@"}])
    values = {"MODEL_URL": "https://gateway/llama/v1", "VAULT": 'a "vault"'}
    (workflow,) = workflows(folder, values)
    assert workflow.id == "commitNotes000001"
    assert json.loads(workflow.content)["nodes"] == [
        {"url": "https://gateway/llama/v1/chat", "where": 'a "vault"'}
    ]


def test_a_workflow_whose_service_is_missing_is_left_out(tmp_path: Path) -> None:
    assert workflows(written(tmp_path, nodes="@@MLFLOW_URL@@"), {"VAULT": "/srv/vault"}) == []


def test_what_is_left_out_is_named_with_what_it_wants() -> None:
    values = dict.fromkeys(NAMES - {"MLFLOW_URL", "MLFLOW_PAGE", "MODEL", "MODEL_URL"}, "x")
    assert left_out(WORKFLOWS, values) == (
        "n8n lacks workflows, since the inventory lacks what they want: "
        "commits wants a model behind the gateway; daily wants a model behind the gateway; "
        "experiments wants `mlflow`"
    )
    assert left_out(WORKFLOWS, dict.fromkeys(NAMES, "x")) == ""


def test_without_a_vault_beside_n8n_no_note_has_a_place() -> None:
    values = placeholder_values(topology(), "llama_cpp", "")
    assert workflows(WORKFLOWS, values) == []


def test_a_placeholder_that_nothing_fills_is_named(tmp_path: Path) -> None:
    message = r"^commits.json has the placeholder @@NOTHING@@, which nothing fills; known are BASE"
    with pytest.raises(WorkflowError, match=message):
        workflows(written(tmp_path, nodes="@@NOTHING@@"), {})


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_a_file_that_is_no_workflow_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "commits.json").write_text(text)
    with pytest.raises(WorkflowError, match=r"^commits.json is no workflow \(.*\); export it anew"):
        workflows(tmp_path, {})


def test_the_values_are_those_of_the_inventory() -> None:
    assert placeholder_values(topology(), "llama_cpp", "/srv/vault") == {
        "VAULT": "/srv/vault",
        "BASE_URL": "https://gateway.example.home.arpa",
        "MODEL_URL": "https://gateway.example.home.arpa/llama/v1",
        "MODEL": "small",
        "PROMETHEUS_URL": "http://192.0.2.8:9090",
    }


def test_without_a_gateway_there_is_no_model() -> None:
    alone = Topology(topology().machines[1:], ())
    assert placeholder_values(alone, "llama_cpp", "/v") == {
        "VAULT": "/v",
        "PROMETHEUS_URL": "http://192.0.2.8:9090",
    }


def test_credentials_have_the_ids_that_workflows_name(tmp_path: Path) -> None:
    store = SecretStore(tmp_path / "secrets", tmp_path / "identity.txt")
    store.ensure(["n8n/webhook-token", "llama_cpp/api-key"])
    found = json.loads(credentials(topology(), store, "llama_cpp"))
    assert [(x["id"], x["type"]) for x in found] == [
        ("webhookToken0001", "httpHeaderAuth"),
        ("modelKey00000001", "httpHeaderAuth"),
    ]
    token = store.get("n8n/webhook-token").get_secret_value()
    assert found[0]["data"] == {"name": "Authorization", "value": f"Bearer {token}"}
    assert credentials(topology(), store, "llama_cpp") == credentials(
        topology(), store, "llama_cpp"
    )


def test_every_file_of_the_repository_is_a_workflow() -> None:
    files = list(WORKFLOWS.glob("*.json"))
    assert len(workflows(WORKFLOWS, dict.fromkeys(NAMES, "x"))) == len(files)


def test_files_name_credentials_as_they_are_imported(tmp_path: Path) -> None:
    """n8n puts a credential's own name into each step, so another one would differ for ever."""
    machine = Machine("runs", "192.0.2.6", ("mlflow",), {"mlflow": Mlflow.model_construct()}, DATA)
    everything = Topology((*topology().machines, machine), ())
    store = SecretStore(tmp_path / "secrets", tmp_path / "identity.txt")
    store.ensure([TOKEN, "mlflow/admin-password", "llama_cpp/api-key"])
    known = {
        (found["type"], found["id"], found["name"])
        for found in json.loads(credentials(everything, store, "llama_cpp"))
    }
    named = {
        (type, credential["id"], credential["name"])
        for file in WORKFLOWS.glob("*.json")
        for node in json.loads(file.read_text())["nodes"]
        for type, credential in node.get("credentials", {}).items()
    }
    assert named == known
