"""A stand-in for who is told of alerts: a web hook that writes down what it is sent, and when."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any, Self

from tests.lab.conftest import shell

PORT = 9099
UNIT = "alert-receiver"
PLACE = "/run/alert-receiver"
PROGRAM = """\
import json, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Hook(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        record = {"at": time.time(), "path": self.path, "body": body}
        with open(sys.argv[2], "a") as file:
            file.write(json.dumps(record) + "\\n")
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments):
        pass

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Hook).serve_forever()
"""


@dataclass(frozen=True)
class Told:
    """One alert in one message: when it came, by which path, and what it says."""

    at: float
    path: str
    status: str
    labels: dict[str, str]
    annotations: dict[str, str]

    @property
    def name(self) -> str:
        return self.labels["alertname"]


class AlertReceiver:
    """The program on a lab host's own loopback, for the length of a block."""

    def __init__(self, host: str) -> None:
        self.host = host

    def __enter__(self) -> Self:
        program = base64.b64encode(PROGRAM.encode()).decode()
        shell(
            self.host,
            f"rm -rf {PLACE} && mkdir {PLACE} && touch {PLACE}/messages"
            f" && echo {program} | base64 -d >{PLACE}/hook.py"
            f" && systemd-run --quiet --collect --unit {UNIT}"
            f" python3 {PLACE}/hook.py {PORT} {PLACE}/messages",
        )
        return self

    def __exit__(self, *exception: object) -> None:
        shell(self.host, f"systemctl stop {UNIT}; rm -rf {PLACE}")

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{PORT}{path}"

    def told(self) -> list[Told]:
        """Every alert of every message, the oldest first."""
        lines = shell(self.host, f"cat {PLACE}/messages").splitlines()
        return [told for line in lines for told in _told(json.loads(line))]


def _told(record: dict[str, Any]) -> list[Told]:
    return [
        Told(record["at"], record["path"], one["status"], one["labels"], one["annotations"])
        for one in record["body"]["alerts"]
    ]
