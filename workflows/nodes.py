"""Nodes: a workflow's steps and how they follow each other, as n8n's JSON has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

CODE = Path(__file__).parent / "code"
STEPS = Path(__file__).parent / "steps"
LIBRARY = ("text.js", "note.js", "vault.js", "model.js")
TOKEN = {"httpHeaderAuth": {"id": "webhookToken0001", "name": "Webhook token"}}
MODEL_KEY = {"httpHeaderAuth": {"id": "modelKey00000001", "name": "Model key"}}
MLFLOW_LOGIN = {"httpBasicAuth": {"id": "mlflowLogin00001", "name": "MLflow login"}}
DAILY = "dailySummary00001"
MODEL_SECONDS = 60


@dataclass(frozen=True)
class Node:
    """One step. `more` holds keys beside the parameters, such as `onError`."""

    name: str
    kind: str
    version: float
    parameters: dict[str, Any] = field(default_factory=dict)
    credentials: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Edge:
    """From one node's output to another node; a condition's output 0 is true, 1 is false."""

    source: str
    target: str
    output: int = 0


def chain(*names: str, output: int = 0) -> list[Edge]:
    """Edges from each to the next; the first one leaves by `output`."""
    first, *others = [Edge(source, target) for source, target in pairwise(names)]
    return [Edge(first.source, first.target, output), *others]


@dataclass(frozen=True)
class Workflow:
    """A workflow; what goes well is not kept, what fails is."""

    id: str
    name: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    def build(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "active": False,
            "nodes": [self._node(at, node) for at, node in enumerate(self.nodes)],
            "connections": self._connections(),
            "settings": {
                "executionOrder": "v1",
                "timezone": "UTC",
                "executionTimeout": 300,
                "saveDataSuccessExecution": "none",
                "saveDataErrorExecution": "all",
                "saveManualExecutions": False,
                "callerPolicy": "workflowsFromSameOwner",
            },
        }

    def _node(self, at: int, node: Node) -> dict[str, Any]:
        made = {
            "id": str(uuid5(NAMESPACE_URL, f"{self.id}/{node.name}")),
            "name": node.name,
            "type": f"n8n-nodes-base.{node.kind}",
            "typeVersion": node.version,
            "position": [at % 6 * 220, at // 6 * 220],
            "parameters": node.parameters,
            **({"credentials": node.credentials} if node.credentials else {}),
            **node.more,
        }
        return made | ({"webhookId": made["id"]} if node.kind == "webhook" else {})

    def _connections(self) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for edge in self.edges:
            outputs = made.setdefault(edge.source, {"main": []})["main"]
            outputs.extend([] for _ in range(edge.output + 1 - len(outputs)))
            outputs[edge.output].append({"node": edge.target, "type": "main", "index": 0})
        return made


def steps(workflow: str, library: str) -> Callable[[str], Node]:
    """Nodes that run steps/<workflow>/<name>.js with what code/ declares for all, and `library`."""

    def step(name: str) -> Node:
        return _code(name, STEPS / workflow / f"{name.lower().replace(' ', '-')}.js", library)

    return step


def _code(name: str, file: Path, *libraries: str) -> Node:
    files = [*(CODE / library for library in (*LIBRARY, *libraries)), file]
    source = "\n".join(path.read_text(encoding="utf-8") for path in files)
    return Node(name, "code", 2, {"mode": "runOnceForAllItems", "jsCode": source})


LIST_FILES = _code("List the files", STEPS / "list-the-files.js")
"""An item that `write_files` writes for each of the item's `changes`, `{path, text}`."""


def webhook(name: str, path: str) -> Node:
    """A POST below /webhook/ with the bearer token; a node `Answer` answers it."""
    parameters = {
        "httpMethod": "POST",
        "path": path,
        "authentication": "headerAuth",
        "responseMode": "responseNode",
        "options": {},
    }
    return Node(name, "webhook", 2, parameters, TOKEN)


def schedule(name: str, rule: dict[str, Any]) -> Node:
    return Node(name, "scheduleTrigger", 1.2, {"rule": {"interval": [rule]}})


def condition(name: str, expression: str) -> Node:
    """Output 0 where the JavaScript `expression` is true, else 1; each item for itself."""
    value = {
        "id": "condition",
        "leftValue": f"={{{{ {expression} }}}}",
        "rightValue": "",
        "operator": {"type": "boolean", "operation": "true", "singleValue": True},
    }
    options = {"caseSensitive": True, "typeValidation": "strict", "version": 2}
    conditions = {"options": options, "conditions": [value], "combinator": "and"}
    return Node(name, "if", 2.2, {"conditions": conditions, "options": {}})


def read_files(name: str, pattern: str) -> Node:
    """The files of the vault that match the JavaScript `pattern`; one empty item for none."""
    # Later versions of the node fail where nothing matches.
    return Node(
        name,
        "readWriteFile",
        1,
        {"operation": "read", "fileSelector": f"=@@VAULT@@/{{{{ {pattern} }}}}", "options": {}},
        more={"alwaysOutputData": True, "executeOnce": True},
    )


def write_files(name: str) -> Node:
    """Each item's binary `data` as the file `file` of the vault."""
    parameters = {
        "operation": "write",
        "fileName": "=@@VAULT@@/{{ $json.file }}",
        "dataPropertyName": "data",
        "options": {},
    }
    return Node(name, "readWriteFile", 1, parameters)


def ask_model(name: str) -> Node:
    """A chat completion for each item's `question`; what fails yields an item too."""
    parameters = {
        "method": "POST",
        "url": "@@MODEL_URL@@/chat/completions",
        "authentication": "genericCredentialType",
        "genericAuthType": "httpHeaderAuth",
        "sendBody": True,
        "specifyBody": "json",
        "jsonBody": "={{ JSON.stringify($json.question) }}",
        "options": {"timeout": MODEL_SECONDS * 1000},
    }
    return Node(name, "httpRequest", 4.2, parameters, MODEL_KEY, _GOES_ON)


def update_daily(name: str) -> Node:
    """The daily notes of the items' days; what fails there fails in that workflow alone."""
    parameters = {
        "source": "database",
        "workflowId": {"__rl": True, "mode": "id", "value": DAILY},
        "mode": "once",
        "options": {"waitForSubWorkflow": True},
    }
    return Node(name, "executeWorkflow", 1.1, parameters, more={**_GOES_ON, "executeOnce": True})


def answer(name: str, status: str, body: str) -> Node:
    """The webhook's answer: JavaScript for its status and its JSON."""
    parameters = {
        "respondWith": "json",
        "responseBody": f"={{{{ JSON.stringify({body}) }}}}",
        "options": {"responseCode": f"={{{{ {status} }}}}"},
    }
    return Node(name, "respondToWebhook", 1.1, parameters)


_GOES_ON = {"onError": "continueRegularOutput"}
