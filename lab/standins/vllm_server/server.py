"""Server: the paths of `vllm serve` over HTTP, a thread for each connection."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import unquote

from . import protocol
from .access import Keys
from .engine import Engine
from .protocol import Answer, Body, Rejected

JSON = "application/json"
REFUSING = {
    **dict.fromkeys(("/inference/v1/generate", "/inference/v1/abort_requests"), 403),
    **dict.fromkeys(("/v1/chat/completions/render", "/v1/completions/render"), 403),
    **dict.fromkeys(("/scale_elastic_ep", "/generative_scoring"), 400),
    **dict.fromkeys(("/v1/responses", "/v1/messages", "/v1/messages/count_tokens"), 400),
    **dict.fromkeys(("/v1/chat/completions/batch", "/v1/systemone"), 400),
}
"""Paths of which the stand-in has only the refusal: switched off, or of a body without fields."""


@dataclass(frozen=True)
class Site:
    """What a server serves, and what it keeps to itself."""

    engine: Engine
    keys: Keys
    version: str
    has_docs: bool
    unlogged: tuple[str, ...]
    started: float


class Handler(BaseHTTPRequestHandler):
    """One connection; `site` is set by `listen`."""

    site: ClassVar[Site]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_OPTIONS(self) -> None:
        self._answer("OPTIONS")

    def _answer(self, method: str) -> None:
        path = unquote(self.path.partition("?")[0])
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            if not self.site.keys.let_in(method, path, self.headers.get("Authorization") or ""):
                raise Rejected(401, {"error": "Unauthorized"})
            self._route(method, path)(content)
        except Rejected as rejected:
            self._send(rejected.status, json.dumps(rejected.body))

    def _route(self, method: str, path: str) -> Callable[[bytes], None]:
        routes: dict[str, dict[str, Callable[[bytes], None]]] = {
            "/health": {"GET": self._nothing},
            "/ping": {"GET": self._nothing, "POST": self._nothing},
            "/version": {"GET": lambda _: self._json({"version": self.site.version})},
            "/load": {"GET": lambda _: self._json({"server_load": 0})},
            "/metrics": {"GET": self._metrics, "POST": self._metrics},
            "/kv_event_sources": {"GET": lambda _: self._json({})},
            "/is_scaling_elastic_ep": {"POST": lambda _: self._json({"is_scaling": False})},
            "/pause": {"POST": self._pause},
            "/resume": {"POST": self._resume},
            "/tokenize": {"POST": self._tokenize},
            "/detokenize": {"POST": self._detokenize},
            "/invocations": {"POST": self._invoke},
            "/v1/models": {"GET": self._models},
            "/v1/chat/completions": {"POST": lambda content: self._complete(content, "messages")},
            "/v1/completions": {"POST": lambda content: self._complete(content, "prompt")},
        }
        if self.site.has_docs:
            routes |= {"/docs": {"GET": self._nothing}, "/openapi.json": {"GET": self._nothing}}
        if path not in routes and path.rstrip("/") in routes:
            return lambda _: self._redirect(path.rstrip("/"))
        if method == "POST" and path in REFUSING:
            raise protocol.refused(REFUSING[path])
        if path not in routes:
            raise Rejected(404, {"detail": "Not Found"})
        if method not in routes[path]:
            raise Rejected(405, {"detail": "Method Not Allowed"})
        return routes[path][method]

    def _complete(self, content: bytes, field: str) -> None:
        body = protocol.parsed(content)
        protocol.needed(body, field)
        request = protocol.asked(body, self.site.engine.served)
        answer = Answer(self.site.engine.served, request, is_chat=field == "messages")
        tokens = self.site.engine.generate(request)
        if body.get("stream"):
            options: Body = body.get("stream_options") or {}
            self._stream(answer.pieces(tokens, bool(options.get("include_usage"))))
        else:
            self._json(answer.whole(list(tokens)))

    def _invoke(self, content: bytes) -> None:
        """SageMaker's path to the same completions, and the one without a key."""
        self._complete(content, "messages" if "messages" in protocol.parsed(content) else "prompt")

    def _tokenize(self, content: bytes) -> None:
        body = protocol.parsed(content)
        protocol.needed(body, "prompt")
        tokens = list(str(body["prompt"]).encode())
        longest = self.site.engine.served.context_tokens
        counted = {"count": len(tokens), "max_model_len": longest}
        self._json({**counted, "tokens": tokens, "token_strs": None})

    def _detokenize(self, content: bytes) -> None:
        body = protocol.parsed(content)
        protocol.needed(body, "tokens")
        self._json({"prompt": bytes(body["tokens"]).decode(errors="replace")})

    def _pause(self, _: bytes) -> None:
        self.site.engine.running.clear()
        self._json({"status": "paused"})

    def _resume(self, _: bytes) -> None:
        self.site.engine.running.set()
        self._json({"status": "resumed"})

    def _redirect(self, path: str) -> None:
        self._send(307, "", location=path)

    def _models(self, _: bytes) -> None:
        self._json(protocol.models(self.site.engine.served, self.site.started))

    def _metrics(self, _: bytes) -> None:
        text = self.site.engine.metrics.text()
        self._send(200, text, "text/plain; version=1.0.0; charset=utf-8")

    def _nothing(self, _: bytes) -> None:
        self._send(200, "", kind="")

    def _json(self, body: Body) -> None:
        self._send(200, json.dumps(body))

    def _send(self, status: int, text: str, kind: str = JSON, location: str = "") -> None:
        content = text.encode()
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Location": location}.items():
            if value:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self, pieces: Iterable[Body]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            self._chunk(f"data: {json.dumps(piece)}\n\n".encode())
        self._chunk(b"data: [DONE]\n\n")
        self._chunk(b"")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def log_request(self, code: object = "-", size: object = "-") -> None:
        if self.path.partition("?")[0] not in self.site.unlogged:
            client = f"{self.client_address[0]}:{self.client_address[1]}"
            print(f'INFO:     {client} - "{self.requestline}" {code}', flush=True)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    """As many clients at once as connect; one that hangs up ends its own thread only."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        print(f"INFO:     {client_address[0]} hung up", flush=True)


def listen(site: Site, port: int, address: str = "") -> Server:
    """A server that listens, and answers once it is told to `serve_forever`."""
    handler = type("SiteHandler", (Handler,), {"site": site})
    return Server((address, port), handler)


def site(engine: Engine, keys: Keys, version: str, has_docs: bool, unlogged: str) -> Site:
    """`unlogged` has paths between commas, as --disable-access-log-for-endpoints does."""
    return Site(engine, keys, version, has_docs, tuple(unlogged.split(",")), time.time())
