"""The gateway as a client uses it: its address, the internal CA and the key of the model server."""

from __future__ import annotations

import http.client
import json
import ssl
from contextlib import closing
from email.message import Message
from functools import cache
from typing import Any

import certificates
import inventory_json
import secret_store
from deploys.llama_cpp import API_KEY
from lab import network
from lab.checkout import ROOT

HOST = "sclimers-gateway"
ANSWER_SECONDS = 20


def list_models() -> None:
    """A cheap request through the gateway to the model server and back, with the key."""
    _ask("/llama/v1/models")


def complete() -> None:
    """A completion of one token through the gateway."""
    message = {"role": "user", "content": "hello"}
    _ask("/llama/v1/chat/completions", {"messages": [message], "max_tokens": 1})


def revision() -> str:
    """The configuration that the gateway serves, by its own word."""
    return str(json.loads(_ask("/health"))["revision"])


def refusal(path: str) -> tuple[int, str | None]:
    """Status and Retry-After of the answer to a request with the key."""
    status, headers, _ = _answer(path)
    return status, headers["Retry-After"]


def ask(path: str, body: Any = None, secret: str | None = API_KEY) -> tuple[int, str]:
    """Status and text of an answer, asked with the key of this name or with none."""
    status, _, text = _answer(path, body, secret)
    return status, text.decode()


def _ask(path: str, body: Any = None) -> bytes:
    """The answer to a request; AssertionError unless it is 200."""
    status, _, text = _answer(path, body)
    assert status == 200, f"{path} answered {status}"
    return text


def _answer(
    path: str, body: Any = None, secret: str | None = API_KEY
) -> tuple[int, Message, bytes]:
    """Status, headers and text of an answer on a connection of its own."""
    address = network.read().hosts[HOST]
    connection = http.client.HTTPSConnection(address, timeout=ANSWER_SECONDS, context=_trust())
    headers = {"Content-Type": "application/json"}
    if secret is not None:
        headers["Authorization"] = f"Bearer {_key(secret)}"
    content = None if body is None else json.dumps(body)
    with closing(connection):
        connection.request("GET" if body is None else "POST", path, content, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


@cache
def _key(secret: str) -> str:
    return secret_store.for_data(_data()).get(secret).get_secret_value()


@cache
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificates.for_data(_data()).certificate_path)


@cache
def _data() -> dict[str, Any]:
    """What the inventory says of the gateway."""
    hosts = inventory_json.read(ROOT / "lab" / "inventory.py")
    return next(host.data for host in hosts if host.name == HOST)
