"""Stand-in for the model hub: the requests of the real ``huggingface_hub`` client, from a folder.

``ROOT/catalogue.json`` maps a repository to its revisions (40 hex digits, and the branch ``main``
to one of them), a revision to its files, and a file to what is stored (``blob``, a name in ROOT)
and to what the hub states about it (``bytes``, ``sha256``). The two differ only where a test wants
a damaged download. Endpoints, headers and refusals are those that huggingface_hub 2.4.0 relies on.
Runs on the standard library alone: ``model_hub.py ROOT PORT``.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
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
CHUNK_BYTES = 1 << 20

Catalogue = dict[str, dict[str, Any]]


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

    def do_HEAD(self) -> None:
        """What GET answers, without its body."""
        self._answer()

    def do_GET(self) -> None:
        """A model's description, its tree, or a file."""
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        try:
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

    def _revision(self, repository: str, revision: str) -> tuple[str, dict[str, Any]]:
        revisions = self.catalogue.get(repository)
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
            lfs = {"oid": file["sha256"], "size": file["bytes"], "pointerSize": 135}
            oid = hashlib.sha1(file["sha256"].encode()).hexdigest()
            yield {"type": "file", "path": path, "size": file["bytes"], "oid": oid, "lfs": lfs}

    def _send_file(self, repository: str, revision: str, path: str) -> None:
        commit, files = self._revision(repository, revision)
        file = files.get(path)
        if file is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, "EntryNotFound", "Entry not found")
        headers = {
            "X-Repo-Commit": commit,
            "ETag": f'"{file["sha256"]}"',
            "X-Linked-Etag": f'"{file["sha256"]}"',
            "X-Linked-Size": str(file["bytes"]),
            "Accept-Ranges": "bytes",
            "Content-Type": "application/octet-stream",
        }
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
        with blob.open("rb") as source:
            source.seek(first)
            if first == 0 and count == blob.stat().st_size:
                shutil.copyfileobj(source, self.wfile, CHUNK_BYTES)
                return
            while count and (chunk := source.read(min(count, CHUNK_BYTES))):
                self.wfile.write(chunk)
                count -= len(chunk)

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


def main() -> None:
    """Serve the folder named first on the loopback port named second."""
    Hub.root = Path(sys.argv[1])
    Hub.catalogue = json.loads((Hub.root / "catalogue.json").read_text())
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Hub).serve_forever()


if __name__ == "__main__":
    main()
