"""Shapes: what of a reply has to be the same on every server, whatever its model says."""

from __future__ import annotations

import json
from itertools import groupby
from typing import Any

from lab.real_vllm.client import Reply

SAID = frozenset(
    {
        *("object", "role", "index", "finish_reason", "stop_reason", "owned_by", "parent", "model"),
        *("prompt_tokens", "completion_tokens", "total_tokens", "max_model_len", "count"),
        *("error", "message", "type", "param", "code", "detail", "root", "server_load"),
    }
)
"""Keys whose values belong to the contract; of the others only the type does."""


def shape(value: Any, key: str = "") -> Any:
    """A JSON value with `<text>`, `<integer>` and so on in the place of what may differ."""
    if isinstance(value, dict):
        return {name: shape(value[name], name) for name in sorted(value)}
    if isinstance(value, list):
        return [same for same, _ in groupby(shape(item) for item in value)]
    if value is None or isinstance(value, bool) or key in SAID:
        return value
    return {str: "<text>", int: "<integer>", float: "<number>"}[type(value)]


def reply(reply: Reply) -> dict[str, Any]:
    """Status, content type and body, or events, of one reply."""
    seen = {"status": reply.status, "type": reply.kind}
    if reply.kind.startswith("text/event-stream"):
        return {**seen, "events": events(reply.text)}
    return {**seen, "body": shape(reply.body) if reply.kind == "application/json" else "<text>"}


def events(text: str) -> list[Any]:
    """Each server-sent event; those in a row that look the same count as one.

    How many tokens go into one event is a matter of time. Anything that is no `data:` line
    stays as it came.
    """
    parts = text.split("\n\n")
    return [same for same, _ in groupby(_event(part) for part in parts)]


def _event(part: str) -> Any:
    start = "data: "
    if not part.startswith(start) or "\n" in part:
        return part
    data = part.removeprefix(start)
    return data if data == "[DONE]" else shape(json.loads(data))
