"""Client: one request to a server of vLLM's API, and everything of its reply."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SECONDS = 120


@dataclass(frozen=True)
class Server:
    """Where a server listens on loopback, its key, and the name of its model."""

    port: int
    key: str
    model: str

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


@dataclass(frozen=True)
class Reply:
    """What came back; `headers` have lower-case names."""

    status: int
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return self.headers.get("content-type", "")

    @property
    def body(self) -> Any:
        """The parsed JSON, or the text where it is none."""
        try:
            return json.loads(self.text)
        except ValueError:
            return self.text


def ask(
    server: Server,
    method: str,
    path: str,
    body: object = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """The whole reply to one request; a `body` that is no text is sent as JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)
    try:
        _send(connection, method, path, body, headers or {})
        response = connection.getresponse()
        said = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, response.read().decode(), said)
    finally:
        connection.close()


def hang_up(server: Server, path: str, body: object) -> None:
    """Send a request with the key, and leave when the first bytes of its reply are there."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)
    try:
        _send(connection, "POST", path, body, server.bearer)
        connection.getresponse().read(1)
    finally:
        connection.close()


def _send(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: object,
    headers: Mapping[str, str],
) -> None:
    content = body if isinstance(body, str | None) else json.dumps(body)
    kind = {"Content-Type": "application/json"} if content is not None else {}
    connection.request(method, path, content, {**kind, **headers})
