"""A sample upstream: says what it was asked, or streams numbered events until a file is there.

usage: python3 - PORT END    (END is the path of that file; runs on a lab host)
"""

import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAUSE_SECONDS = 0.1


class Handler(BaseHTTPRequestHandler):
    """GET /events/N streams N events, GET /events all until END; all else is told what it asked."""

    def do_GET(self) -> None:
        path, _, number = self.path.partition("/events")
        if path or not self.path.startswith("/events"):
            self._tell()
        else:
            self._stream(int(number.strip("/") or 0))

    def do_POST(self) -> None:
        self._tell()

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""

    def _tell(self) -> None:
        said = {"method": self.command, "path": self.path, "headers": dict(self.headers.items())}
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Frame-Options", "SAMEORIGIN")
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, number: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        count = 0
        while count < number if number else not os.path.exists(sys.argv[2]):
            self.wfile.write(f"data: {count}\n\n".encode())
            count += 1
            time.sleep(PAUSE_SECONDS)
        self.wfile.write(f"data: end {count}\n\n".encode())


ThreadingHTTPServer.request_queue_size = 128
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
