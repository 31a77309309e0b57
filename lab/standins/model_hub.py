"""Stand-in for the model hub: the requests of the real ``huggingface_hub`` client, from a folder.

In ``ROOT/catalogue.json``, ``repositories`` maps a repository to its revisions (40 hex digits, and
the branch ``main`` to one of them), a revision to its files, and a file to what is stored
(``blob``, a name in ROOT) and to what the hub states about it (``bytes``, git's name ``oid``, and
``sha256`` for what Git LFS keeps). The two differ only where a test wants a damaged download.
``gated`` lists repositories behind a licence, ``tokens`` which of them each token's account may
read. ``ROOT/trouble.json``, where it exists, makes the hub as bad as it can be at times:
``bytes_per_second`` of each connection, ``cut_after_bytes`` of a file, a ``status`` for all.
Endpoints, headers and refusals are those that huggingface_hub 2.4.0 relies on. Runs on the
standard library alone: ``model_hub.py ROOT PORT``.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import time
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

NAME = r"(?P<repository>[\w.-]+/[\w.-]+)"
MODEL = re.compile(rf"/api/models/{NAME}(?:/revision/(?P<revision>[^/]+))?")
TREE = re.compile(rf"/api/models/{NAME}/tree/(?P<revision>[^/]+)")
FILE = re.compile(rf"/{NAME}/resolve/(?P<revision>[^/]+)/(?P<path>.+)")
RANGE = re.compile(r"bytes=(\d*)-(\d*)")
CHUNK_BYTES = 1 << 16

Catalogue = dict[str, Any]


class RefusedError(Exception):
    """A request that the real hub refuses: the status and the error code that the client reads."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class Hub(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    root: Path
    catalogue: Catalogue
    trouble: dict[str, int]

    def do_HEAD(self) -> None:
        """What GET answers, without its body."""
        self._answer()

    def do_GET(self) -> None:
        """A model's description, its tree, or a file."""
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.catalogue = json.loads((self.root / "catalogue.json").read_text())
        self.trouble = _trouble(self.root)
        try:
            self._require_known_token()
            if found := TREE.fullmatch(path):
                self._send_json(list(self._tree(found["repository"], found["revision"])))
            elif found := MODEL.fullmatch(path):
                self._send_json(self._model(found["repository"], found["revision"] or "main"))
            elif found := FILE.fullmatch(path):
                self._send_file(found["repository"], found["revision"], found["path"])
            else:
                raise RefusedError(HTTPStatus.NOT_FOUND, "", "Sorry, we can't find the page")
        except RefusedError as refused:
            headers = {"X-Error-Code": refused.code, "X-Error-Message": str(refused)}
            self._send_json({"error": str(refused)}, refused.status, headers)

    def _require_known_token(self) -> None:
        if "status" in self.trouble:
            raise RefusedError(HTTPStatus(self.trouble["status"]), "", "Internal Error")
        if self._token() not in (None, *self.catalogue["tokens"]):
            raise RefusedError(
                HTTPStatus.UNAUTHORIZED, "", "Invalid credentials in Authorization header"
            )

    def _token(self) -> str | None:
        return self.headers.get("Authorization", "").removeprefix("Bearer ") or None

    def _require_access(self, repository: str) -> None:
        """Of a gated repository everybody may see which files it has, but not the files."""
        token = self._token()
        if repository not in self.catalogue["gated"]:
            return
        restricted = f"Access to model {repository} is restricted"
        if token is None:
            text = f"{restricted}. You must have access to it and be authenticated to access it."
            raise RefusedError(HTTPStatus.UNAUTHORIZED, "GatedRepo", f"{text} Please log in.")
        if repository not in self.catalogue["tokens"][token]:
            text = f"{restricted} and you are not in the authorized list."
            page = f"Visit https://huggingface.co/{repository} to ask for access."
            raise RefusedError(HTTPStatus.FORBIDDEN, "GatedRepo", f"{text} {page}")

    def _revision(self, repository: str, revision: str) -> tuple[str, dict[str, Any]]:
        revisions = self.catalogue["repositories"].get(repository)
        if revisions is None:
            # The real hub does not tell a stranger whether a repository is private or missing.
            raise RefusedError(
                HTTPStatus.UNAUTHORIZED, "RepoNotFound", "Invalid username or password."
            )
        commit = revisions["main"] if revision == "main" else revision
        if commit not in revisions:
            raise RefusedError(
                HTTPStatus.NOT_FOUND, "RevisionNotFound", f"Invalid rev id: {revision}"
            )
        return commit, revisions[commit]

    def _model(self, repository: str, revision: str) -> dict[str, Any]:
        commit, files = self._revision(repository, revision)
        siblings = [{"rfilename": path} for path in sorted(files)]
        return {
            "_id": hashlib.sha256(repository.encode()).hexdigest()[:24],
            **{"id": repository, "modelId": repository, "sha": commit, "siblings": siblings},
            **{"private": False, "gated": False, "disabled": False, "tags": [], "downloads": 0},
        }

    def _tree(self, repository: str, revision: str) -> Iterator[dict[str, Any]]:
        _, files = self._revision(repository, revision)
        for path, file in sorted(files.items()):
            row = {"type": "file", "path": path, "size": file["bytes"], "oid": file["oid"]}
            if "sha256" in file:
                row["lfs"] = {"oid": file["sha256"], "size": file["bytes"], "pointerSize": 135}
            yield row

    def _send_file(self, repository: str, revision: str, path: str) -> None:
        commit, files = self._revision(repository, revision)
        self._require_access(repository)
        file = files.get(path)
        if file is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, "EntryNotFound", "Entry not found")
        headers = {
            "X-Repo-Commit": commit,
            "ETag": f'"{file.get("sha256", file["oid"])}"',
            "Accept-Ranges": "bytes",
            "Content-Type": "application/octet-stream",
        }
        if "sha256" in file:
            headers["X-Linked-Etag"] = headers["ETag"]
            headers["X-Linked-Size"] = str(file["bytes"])
        blob = self.root / file["blob"]
        size = blob.stat().st_size
        first, last, status = self._range(size)
        if status is HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            self._send_head(status, {"Content-Range": f"bytes */{size}", "Content-Length": "0"})
            return
        if status is HTTPStatus.PARTIAL_CONTENT:
            headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        self._send_head(status, {**headers, "Content-Length": str(last - first + 1)})
        if self.command == "GET":
            self._send_bytes(blob, first, last - first + 1)

    def _range(self, size: int) -> tuple[int, int, HTTPStatus]:
        found = RANGE.fullmatch(self.headers.get("Range", ""))
        if not found or found.groups() == ("", ""):
            return 0, size - 1, HTTPStatus.OK
        begin, end = found.groups()
        first = int(begin) if begin else max(0, size - int(end))
        last = min(int(end), size - 1) if begin and end else size - 1
        if first > last:
            return 0, 0, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
        return first, last, HTTPStatus.PARTIAL_CONTENT

    def _send_bytes(self, blob: Path, first: int, count: int) -> None:
        begun, sent = time.monotonic(), 0
        speed, cut = self.trouble.get("bytes_per_second"), self.trouble.get("cut_after_bytes")
        with blob.open("rb") as source:
            source.seek(first)
            while sent < count and (chunk := source.read(min(count - sent, CHUNK_BYTES))):
                if cut is not None and first + sent >= cut:
                    self.close_connection = True
                    return
                self.wfile.write(chunk)
                sent += len(chunk)
                if speed:
                    time.sleep(max(0, begun + sent / speed - time.monotonic()))

    def _send_json(
        self,
        answer: Any,
        status: HTTPStatus = HTTPStatus.OK,
        headers: dict[str, str] | None = None,
    ) -> None:
        body = json.dumps(answer).encode()
        length = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        self._send_head(status, {**(headers or {}), **length})
        if self.command == "GET":
            self.wfile.write(body)

    def _send_head(self, status: HTTPStatus, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


def _trouble(root: Path) -> dict[str, int]:
    file = root / "trouble.json"
    trouble: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}
    return trouble


def main() -> None:
    """Serve the folder named first on the loopback port named second."""
    Hub.root = Path(sys.argv[1])
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Hub).serve_forever()


if __name__ == "__main__":
    main()
