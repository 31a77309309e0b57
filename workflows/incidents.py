"""Incidents: alerts that Alertmanager posts become notes, completed when they are over."""

from __future__ import annotations

from workflows.nodes import (
    LIST_FILES,
    Workflow,
    answer,
    chain,
    condition,
    read_files,
    steps,
    update_daily,
    webhook,
    write_files,
)

TEXTS = "$('Write the texts').first().json"

step = steps("incidents", "incident.js")

WORKFLOW = Workflow(
    "incidentNotes0001",
    "Alert to incident note",
    (
        webhook("Alerts", "alerts"),
        step("Check the alerts"),
        condition("Are they alerts?", "!$json.error"),
        answer("Refuse", "422", "{ error: $json.error }"),
        step("Name the notes"),
        read_files("Look for the notes", "$json.pattern"),
        step("Write the texts"),
        condition("Is there anything to write?", "$json.changes.length > 0"),
        LIST_FILES,
        write_files("Write the notes"),
        update_daily("Update the daily notes"),
        answer("Answer", "200", f"{{ notes: {TEXTS}.notes }}"),
    ),
    (
        *chain("Alerts", "Check the alerts", "Are they alerts?", "Name the notes"),
        *chain("Are they alerts?", "Refuse", output=1),
        *chain("Name the notes", "Look for the notes", "Write the texts"),
        *chain("Write the texts", "Is there anything to write?", "List the files"),
        *chain("List the files", "Write the notes", "Update the daily notes", "Answer"),
        *chain("Is there anything to write?", "Answer", output=1),
    ),
)
