"""Experiments: finished runs of MLflow become notes.

MLflow itself remembers which runs have their note: a tag of the run names it. So none is lost while
n8n or MLflow is away, and what is done is asked for no more.
"""

from __future__ import annotations

from typing import Any

from workflows.nodes import (
    LIST_FILES,
    MLFLOW_LOGIN,
    Node,
    Workflow,
    chain,
    condition,
    read_files,
    schedule,
    steps,
    update_daily,
    write_files,
)

API = "@@MLFLOW_URL@@/api/2.0/mlflow"
TEXTS = "$('Write the texts').first().json"


def mlflow(name: str, path: str, body: str = "", **more: Any) -> Node:
    """A request to MLflow's API for each item: GET, or POST of the JavaScript `body`."""
    posted = {"sendBody": True, "specifyBody": "json", "jsonBody": f"={{{{ {body} }}}}"}
    parameters = {
        "method": "POST" if body else "GET",
        "url": f"={API}/{path}",
        "authentication": "genericCredentialType",
        "genericAuthType": "httpBasicAuth",
        "options": {"timeout": 20_000},
        **(posted if body else {}),
    }
    return Node(name, "httpRequest", 4.2, parameters, MLFLOW_LOGIN, more)


step = steps("experiments", "experiment.js")

WORKFLOW = Workflow(
    "experimentNotes01",
    "MLflow run to experiment note",
    (
        schedule("Every minute", {"field": "minutes", "minutesInterval": 1}),
        mlflow(
            "List the experiments",
            "experiments/search?max_results=50000",
            onError="continueRegularOutput",
        ),
        step("Ask for finished runs"),
        mlflow("Search runs", "runs/search", "JSON.stringify($json.query)"),
        step("List the runs"),
        mlflow(
            "List its artifacts",
            "artifacts/list?run_id={{ $json.run.id }}",
            onError="continueRegularOutput",
        ),
        step("Name the notes"),
        read_files("Look for the notes", "$json.pattern"),
        step("Write the texts"),
        condition("Is there anything to write?", "$json.changes.length > 0"),
        LIST_FILES,
        write_files("Write the notes"),
        update_daily("Update the daily notes"),
        step("List the tags"),
        mlflow("Remember the note", "runs/set-tag", "JSON.stringify($json)"),
    ),
    (
        *chain("Every minute", "List the experiments", "Ask for finished runs", "Search runs"),
        *chain("Search runs", "List the runs", "List its artifacts", "Name the notes"),
        *chain("Name the notes", "Look for the notes", "Write the texts"),
        *chain("Write the texts", "Is there anything to write?", "List the files"),
        *chain("List the files", "Write the notes", "Update the daily notes", "List the tags"),
        *chain("List the tags", "Remember the note"),
        *chain("Is there anything to write?", "List the tags", output=1),
    ),
)
