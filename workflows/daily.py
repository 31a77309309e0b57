"""Daily note: what happened on a day, hourly for today and yesterday, and whenever a note came.

Only the hourly run and a person's request ask the model for a sentence, and only where the day's
notes are not those of the sentence before.
"""

from __future__ import annotations

from workflows.nodes import (
    LIST_FILES,
    Node,
    Workflow,
    answer,
    ask_model,
    chain,
    condition,
    read_files,
    schedule,
    steps,
    webhook,
    write_files,
)

PATTERN = "$('List the days').first().json.pattern"
TEXTS = "$('Write the texts').first().json"

PROMETHEUS = Node(
    "Ask Prometheus",
    "httpRequest",
    4.2,
    {
        "method": "POST",
        "url": "@@PROMETHEUS_URL@@/api/v1/query",
        "sendBody": True,
        "contentType": "form-urlencoded",
        "specifyBody": "keypair",
        "bodyParameters": {
            "parameters": [
                {"name": "query", "value": "={{ $json.query }}"},
                {"name": "time", "value": "={{ $json.until }}"},
            ]
        },
        "options": {"timeout": 20_000},
    },
    more={"onError": "continueRegularOutput"},
)

step = steps("daily", "daily.js")

WORKFLOW = Workflow(
    "dailySummary00001",
    "Daily note",
    (
        schedule("Every hour", {"field": "hours", "hoursInterval": 1}),
        webhook("Request", "daily"),
        Node("Called by a workflow", "executeWorkflowTrigger", 1.1, {"inputSource": "passthrough"}),
        step("List the days"),
        condition("Are they days?", "!$json.error"),
        answer("Refuse", "422", "{ error: $json.error }"),
        PROMETHEUS,
        read_files("Read the notes", PATTERN),
        step("Find what to ask"),
        condition("Is there anything to ask?", "$json.asked.length > 0"),
        step("List the questions"),
        ask_model("Ask the model"),
        # While the model thought, a person's edit may have come.
        read_files("Read again", PATTERN),
        step("Write the texts"),
        condition("Is there anything to write?", "$json.changes.length > 0"),
        LIST_FILES,
        write_files("Write the daily notes"),
        answer("Answer", "200", f"{{ notes: {TEXTS}.notes }}"),
    ),
    (
        *chain("Every hour", "List the days"),
        *chain("Request", "List the days"),
        *chain("Called by a workflow", "List the days"),
        *chain("List the days", "Are they days?", "Ask Prometheus", "Read the notes"),
        *chain("Are they days?", "Refuse", output=1),
        *chain("Read the notes", "Find what to ask", "Is there anything to ask?"),
        *chain("Is there anything to ask?", "List the questions", "Ask the model", "Read again"),
        *chain("Is there anything to ask?", "Read again", output=1),
        *chain("Read again", "Write the texts", "Is there anything to write?"),
        *chain("Is there anything to write?", "List the files", "Write the daily notes", "Answer"),
        *chain("Is there anything to write?", "Answer", output=1),
    ),
)
