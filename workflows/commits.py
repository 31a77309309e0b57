"""Commits: an event of a git repository becomes a note, tagged by a model of our own.

The sender keeps an event that was answered 202 and sends it again, until the note has its tags.
"""

from __future__ import annotations

from workflows.nodes import (
    Workflow,
    answer,
    ask_model,
    chain,
    condition,
    read_files,
    steps,
    update_daily,
    webhook,
    write_files,
)

EVENT = "$('Check the event').first().json"

step = steps("commits", "commit.js")

WORKFLOW = Workflow(
    "commitNotes000001",
    "Commit to note",
    (
        webhook("Commit", "commits"),
        step("Check the event"),
        condition("Is it an event?", "!$json.error"),
        answer("Refuse", "422", "{ error: $json.error }"),
        read_files("Look for the note", f"{EVENT}.pattern"),
        step("Decide"),
        condition("Is it to be tagged?", "!!$json.question"),
        ask_model("Ask the model"),
        # While the model thought, a person's edit may have come.
        read_files("Look again", f"{EVENT}.pattern"),
        step("Write the text"),
        condition("Is there anything to write?", "!!$json.changed"),
        write_files("Write the note"),
        update_daily("Update the daily note"),
        answer(
            "Answer",
            "$('Write the text').first().json.status",
            "$('Write the text').first().json.answer",
        ),
        answer("Answer that it is there", "$json.status", "$json.answer"),
    ),
    (
        *chain("Commit", "Check the event", "Is it an event?", "Look for the note", "Decide"),
        *chain("Is it an event?", "Refuse", output=1),
        *chain("Decide", "Is it to be tagged?", "Ask the model", "Look again", "Write the text"),
        *chain("Is it to be tagged?", "Answer that it is there", output=1),
        *chain("Write the text", "Is there anything to write?", "Write the note"),
        *chain("Write the note", "Update the daily note", "Answer"),
        *chain("Is there anything to write?", "Answer", output=1),
    ),
)
