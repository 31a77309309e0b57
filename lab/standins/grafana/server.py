"""The HTTP side: login, sessions, dashboards, and data sources with requests passed on to them."""

from __future__ import annotations

import base64
import binascii
import json
import threading
import time
import urllib.error
import urllib.request
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from .configuration import HOME, Configuration, RefusedError
from .database import Database
from .metrics import Metrics
from .provisioning import State, log, read_dashboards

LOGIN_PAGE = """<!DOCTYPE html><html lang="en"><head><title>Grafana</title>
<base href="{base}/"></head><body><!-- a stand-in for Grafana's page -->
<form>Welcome to Grafana: log in</form></body></html>"""
FORBIDDEN = {"message": "Unauthorized", "messageId": "auth.unauthorized", "statusCode": 401}
WRONG = {"message": "Invalid username or password", "messageId": "password-auth.failed"}
HEALTH = {"prometheus": "/api/v1/query?query=1%2B1"}
"""By type of data source: what its health check asks; `/health` of the others."""


def run(settings: Configuration, database: Database, state: State) -> None:
    """Serve until the process is told to end; RefusedError where it cannot listen."""
    address = settings["server", "http_addr"], int(settings["server", "http_port"])
    version = (HOME / "VERSION").read_text().strip()
    Handler.settings, Handler.database, Handler.state = settings, database, state
    Handler.metrics, Handler.version = Metrics(version), version
    try:
        server = ThreadingHTTPServer(address, Handler)
    except OSError as error:
        raise RefusedError(
            f"failed to open listener on address {address[0]}:{address[1]}: listen tcp: "
            f"bind: {str(error.strerror).lower()}"
        ) from error
    log("info", "http.server", "HTTP Server Listen", address=":".join(map(str, address)))
    threading.Thread(target=_look_again, args=(state, database), daemon=True).start()
    server.serve_forever()


def _look_again(state: State, database: Database) -> None:
    while True:
        waits = [int(p.get("updateIntervalSeconds") or 10) for p in state.providers]
        time.sleep(min(waits, default=3600))
        read_dashboards(state, database)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    settings: ClassVar[Configuration]
    database: ClassVar[Database]
    state: ClassVar[State]
    metrics: ClassVar[Metrics]
    version: ClassVar[str]

    def do_GET(self) -> None:
        self._timed(self._get)

    def do_POST(self) -> None:
        self._timed(self._post)

    def log_message(self, format: str, *args: Any) -> None:
        """The real server does not log requests that go well."""

    def _timed(self, serve: Any) -> None:
        started, self.status, self.handler = time.monotonic(), 0, "notfound"
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        sub_path = self.settings.sub_path
        serves = self.settings.on("server", "serve_from_sub_path") and sub_path
        # pkg/middleware, SubPathRedirect: all but the API belongs below the path.
        if serves and not self.path.startswith((sub_path, "/api")):
            root = self.settings["server", "root_url"]
            return self._redirect(root + self.path.lstrip("/"), 301)
        self.route = self.path.removeprefix(sub_path) if serves else self.path
        self.route = self.route or "/"
        serve()
        self.metrics.served(self.handler, self.command, self.status, time.monotonic() - started)

    def _get(self) -> None:
        path, query = urlsplit(self.route).path, urlsplit(self.route).query
        if path == "/api/health":
            self.handler = path
            commit = {"commit": "lab"}
            return self._json(200, {"database": "ok", "version": self.version, **commit})
        if path == "/metrics" and self.settings.on("metrics", "enabled"):
            return self._answer(200, self.metrics.text(self.database), "text/plain; version=0.0.4")
        if path == "/login":
            self.handler = path
            return self._answer(200, LOGIN_PAGE.format(base=self.settings.sub_path), "text/html")
        if not self._is_signed_in():
            if path.startswith("/api/"):
                return self._json(401, self.refusal)
            return self._redirect(f"{self.settings.sub_path}/login", 302)
        if not path.startswith("/api/"):
            return self._answer(200, LOGIN_PAGE.format(base=self.settings.sub_path), "text/html")
        self._api(path, query)

    def _api(self, path: str, query: str) -> None:
        match path.removeprefix("/api/").split("/"):
            case ["user"]:
                self._json(200, {"id": 1, "login": "admin", "isGrafanaAdmin": True})
            case ["search"]:
                boards = [board["data"] for board in self.database.dashboards()]
                self._json(200, [_found(b, self.settings.sub_path) for b in boards])
            case ["dashboards", "home"]:
                self._home()
            case ["dashboards", "uid", uid]:
                self._dashboard(uid)
            case ["datasources"]:
                rows = self.database.run("SELECT uid FROM data_source ORDER BY name")
                self._json(200, [self._source(uid) for (uid,) in rows])
            case ["datasources", "uid", uid]:
                source = self._source(uid)
                self._json(200 if source else 404, source or {"message": "Data source not found"})
            case ["datasources", "uid", uid, "health"]:
                self._source_health(uid)
            case ["datasources", "proxy", "uid", uid, *rest]:
                self._pass_on(uid, "/".join(rest), query)
            case _:
                self._json(404, {"message": "Not found"})

    def _post(self) -> None:
        path = urlsplit(self.route).path
        if path == "/login":
            return self._login()
        if not self._is_signed_in():
            return self._json(401, self.refusal)
        if path == "/api/dashboards/db":
            uid = json.loads(self.body or b"{}").get("dashboard", {}).get("uid")
            if self.database.run("SELECT 1 FROM dashboard WHERE uid = ?", uid):
                return self._json(400, {"message": "Cannot save provisioned dashboard"})
        self._json(404, {"message": "Not found"})

    def _login(self) -> None:
        self.handler = "/login"
        given = json.loads(self.body or b"{}")
        if not self.database.accepts(str(given.get("user")), str(given.get("password"))):
            return self._json(401, WRONG)
        cookie = f"grafana_session={self.database.open_session()}; Path="
        cookie += f"{self.settings.sub_path or '/'}; Max-Age=2592000; HttpOnly"
        if self.settings.on("security", "cookie_secure"):
            cookie += "; Secure"
        cookie += f"; SameSite={self.settings['security', 'cookie_samesite'].capitalize()}"
        self._json(200, {"message": "Logged in", "redirectUrl": "/"}, {"Set-Cookie": cookie})

    def _is_signed_in(self) -> bool:
        self.refusal: dict[str, Any] = FORBIDDEN
        cookie = SimpleCookie(self.headers.get("Cookie", "")).get("grafana_session")
        if cookie and self.database.has_session(cookie.value):
            return True
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "basic":
            self.refusal = WRONG
            try:
                login, _, password = base64.b64decode(value, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return False
            return self.database.accepts(login, password)
        return self.settings.on("auth.anonymous", "enabled")

    def _home(self) -> None:
        path = self.settings["dashboards", "default_home_dashboard_path"]
        board = json.loads(Path(path).read_text()) if path else {"title": "Home"}
        self._json(200, {"dashboard": board, "meta": {"isHome": True}})

    def _dashboard(self, uid: str) -> None:
        self.handler = "/api/dashboards/uid/:uid"
        rows = self.database.run(
            "SELECT data, version, external_id FROM dashboard WHERE uid = ?", uid
        )
        if not rows:
            return self._json(404, {"message": "Dashboard not found", "status": "not-found"})
        data, version, file = rows[0]
        meta = {"provisioned": True, "provisionedExternalId": Path(file).name, "canSave": False}
        self._json(200, {"meta": meta, "dashboard": {**json.loads(data), "version": version}})

    def _source(self, uid: str) -> dict[str, Any] | None:
        rows = self.database.run("SELECT * FROM data_source WHERE uid = ?", uid)
        if not rows:
            return None
        _, name, kind, url, default, read_only = rows[0]
        return {
            **{"uid": uid, "name": name, "type": kind, "url": url, "access": "proxy"},
            **{"isDefault": bool(default), "readOnly": bool(read_only)},
        }

    def _source_health(self, uid: str) -> None:
        source = self._source(uid)
        if source is None:
            return self._json(404, {"message": "Data source not found"})
        if source["type"] not in self.state.plugins:
            return self._json(404, {"message": "Plugin not found", "status": "ERROR"})
        status, content, _ = self._asked(source, HEALTH.get(source["type"], "/health"))
        if status != 200:
            message = content.decode(errors="replace")[:200]
            return self._json(400, {"message": message, "status": "ERROR"})
        message = "Successfully queried the Prometheus API."
        self._json(200, {"message": message, "status": "OK"})

    def _pass_on(self, uid: str, path: str, query: str) -> None:
        self.handler = "/api/datasources/proxy/uid/:uid/*"
        source = self._source(uid)
        if source is None:
            return self._json(404, {"message": "Unable to find datasource"})
        if source["type"] not in self.state.plugins:
            return self._json(500, {"message": "Unable to find datasource plugin"})
        status, content, kind = self._asked(source, f"/{path}{'?' if query else ''}{query}")
        self._answer(status, content, kind)

    def _asked(self, source: dict[str, Any], path: str) -> tuple[int, bytes, str]:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(source["url"].rstrip("/") + path, timeout=30) as answer:
                found = answer.status, answer.read(), answer.headers.get("Content-Type", "")
        except urllib.error.HTTPError as error:
            found = error.code, error.read(), error.headers.get("Content-Type", "")
        except OSError as error:
            found = 502, f"dial tcp: {error}".encode(), "text/plain"
        self.metrics.asked(source["uid"], source["type"], found[0])
        return found

    def _redirect(self, location: str, status: int) -> None:
        self._answer(status, "", "text/html", {"Location": location})

    def _json(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        self._answer(status, json.dumps(value), "application/json; charset=UTF-8", headers)

    def _answer(
        self, status: int, content: str | bytes, kind: str, headers: dict[str, str] | None = None
    ) -> None:
        self.status = status
        body = content.encode() if isinstance(content, str) else content
        self.send_response(status)
        for name, value in {
            **{"Content-Type": kind, "Content-Length": str(len(body))},
            **{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "deny"},
            **{"Cache-Control": "no-store", **(headers or {})},
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _found(board: dict[str, Any], sub_path: str) -> dict[str, Any]:
    uid, title = board.get("uid"), board["title"]
    return {
        **{"uid": uid, "title": title, "type": "dash-db", "tags": board.get("tags", [])},
        "url": f"{sub_path}/d/{uid}",
    }
