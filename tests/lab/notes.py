"""Notes: n8n's webhooks on the host that has them, and the vault's files as they lie there."""

from __future__ import annotations

import json
import shlex
import time
import zlib
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import yaml

import secret_store
from deploys.vault import VAULT
from deploys.webhooks import TOKEN
from lab.group_data import all as lab_data
from tests.lab.conftest import shell

HOST, SERVER = "sclimers-automation", "schlimers-server"


@dataclass(frozen=True)
class Answer:
    """What a webhook answered."""

    status: int
    body: Any


def secret(name: str) -> str:
    data = {"secret_store": lab_data.secret_store, "secret_identity": lab_data.secret_identity}
    return secret_store.for_data(data).get(name).get_secret_value()


def address() -> str:
    return shell(HOST, "hostname -I").split()[0]


def posted(webhook: str, body: Any, bearer: str | None = None) -> Answer:
    """What n8n answers to a POST; asked on its own host, with the token unless another is given."""
    url = f"http://{address()}:5678/webhook/{webhook}"
    headers = f"Authorization: Bearer {secret(TOKEN) if bearer is None else bearer}"
    command = ["curl", "--silent", "--show-error", "--max-time", "120", "--data-binary", "@-", url]
    command += ["--header", headers, "--header", "Content-Type: application/json"]
    command += ["--write-out", "\n%{http_code}"]
    text = shlex.quote(json.dumps(body))
    said, _, status = shell(HOST, f"printf %s {text} | {shlex.join(command)}").rpartition("\n")
    return Answer(int(status), json.loads(said) if said.startswith(("{", "[")) else said)


DAY = str(date(1990, 1, 1) + timedelta(days=int(time.time() / 60) % 9000))
"""A day long ago, another one each time: what people do not delete stays in the vault."""


def made_up_sha(number: int) -> str:
    """The ID of a made-up commit; another run of the tests makes up others."""
    return f"{zlib.crc32(DAY.encode()):08x}{number:04x}".ljust(40, "0")


def event(sha: str, **changes: Any) -> dict[str, Any]:
    """A commit as its hook tells of it."""
    return {
        "repository": "notes-test",
        "branch": "main",
        "sha": sha,
        "author": "Ann Example",
        "email": "ann@example.org",
        "committed": f"{DAY}T10:00:00Z",
        "message": "Fix TLS of the gateway\n\nOld clients failed.",
        "message_truncated": False,
        "files": [{"status": "M", "path": "nginx/site.conf"}],
        "more_files": 0,
    } | changes


def names(pattern: str) -> list[str]:
    """Paths in the vault that match a shell pattern, sorted."""
    found = shell(HOST, f"cd {VAULT} && find . -path {shlex.quote('./' + pattern)} -type f | sort")
    return [name.removeprefix("./") for name in found.splitlines()]


def text(path: str) -> str:
    return shell(HOST, f"cat {shlex.quote(f'{VAULT}/{path}')}")


def front_matter(path: str) -> Any:
    note = text(path)
    assert note.startswith("---\n")
    return yaml.safe_load(note[4 : note.index("\n---\n", 4)])


def everything() -> str:
    """Every file of the host that the workflows could reach by mistake, with when it changed."""
    folders = f"/etc /root /home /srv {VAULT}"
    return shell(
        HOST, f"find {folders} -xdev -not -path '*/.git/*' -type f -printf '%p %T@\\n' | sort"
    )
