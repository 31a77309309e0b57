"""The gateway as a client uses it: TLS to its address under its name, a key, and JSON."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
import time
from contextlib import closing
from dataclasses import dataclass
from email.message import Message
from typing import Any

from deploys.gateway import host_names
from deploys.nginx import HTTPS
from deploys.nginx_logins import USER
from deploys.topology import Machine

ANSWER_SECONDS = 60


class Connection(http.client.HTTPSConnection):
    """HTTPS to an address under a name: what a client does once the name is resolved."""

    def __init__(self, address: str, name: str, trust: ssl.SSLContext) -> None:
        super().__init__(name, HTTPS, timeout=ANSWER_SECONDS, context=trust)
        self.address, self.trust = address, trust

    def connect(self) -> None:
        plain = socket.create_connection((self.address, HTTPS), timeout=ANSWER_SECONDS)
        self.sock = self.trust.wrap_socket(plain, server_hostname=self.host)


@dataclass(frozen=True)
class Answer:
    """An answer, in the pieces in which it arrived, and when each did."""

    status: int
    headers: Message
    pieces: tuple[bytes, ...]
    times: tuple[float, ...]

    @property
    def text(self) -> str:
        return b"".join(self.pieces).decode()

    def json(self) -> Any:
        return json.loads(self.text)


@dataclass(frozen=True)
class Gateway:
    """The gateway as a client on the control machine uses it."""

    address: str
    name: str
    trust: ssl.SSLContext

    def ask(
        self,
        path: str,
        body: Any = None,
        key: str | None = None,
        host: str | None = None,
        password: str | None = None,
    ) -> Answer:
        """What it answers to a GET, or to a POST of `body` as JSON, on a connection of its own.

        `key` is shown as programs do, `password` as the browser of the user admin does.
        """
        headers = {"Host": host or self.name}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        if password is not None:
            shown = base64.b64encode(f"{USER}:{password}".encode()).decode()
            headers["Authorization"] = f"Basic {shown}"
        method, content = ("GET", None) if body is None else ("POST", json.dumps(body))
        with closing(Connection(self.address, self.name, self.trust)) as connection:
            connection.request(method, path, content, headers)
            answer = connection.getresponse()
            arrived = [(piece, time.monotonic()) for piece in iter(answer.read1, b"")]
            pieces, times = zip(*arrived, strict=True) if arrived else ((), ())
            return Answer(answer.status, answer.headers, pieces, times)


def of(machine: Machine, trust: ssl.SSLContext) -> Gateway:
    """The gateway that `machine` is."""
    return Gateway(machine.address, host_names(machine)[0], trust)
