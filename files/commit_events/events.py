"""Events: one commit as the webhook wants it, valid Unicode of bounded size whatever it holds."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from typing import Any

from .repository import Repository, stream

MESSAGE_BYTES = 64 * 1024
HEADER_BYTES = 256 * 1024
"""What is read of a commit beside its message: signatures and many parents go before it."""
MOST_FILES = 500
NAME_BYTES = 1000
"""Of a repository, branch, person or path, as UTF-8: what the webhook takes at most."""
MARK = "\n[message cut off here]\n"
LAST_SECOND = 253402300799
"""Of the year 9999."""
ENCODINGS = re.compile(r"(iso[-_]?8859|latin|windows-|cp\d|koi8|shift_jis|sjis|euc|gb|big5)", re.I)
"""What a commit may say that it is written in; Python knows slow and odd ones beside them."""

Event = dict[str, Any]


def event(repository: Repository, branch: str, sha: str) -> Event:
    """The event of one commit. A message of any size costs the first 320 KiB of it."""
    raw = b"".join(
        stream(repository.git_dir, "cat-file", "commit", sha, limit=MESSAGE_BYTES + HEADER_BYTES)
    )
    head, _, body = raw.partition(b"\n\n")
    headers = _headers(head)
    encoding = headers.get("encoding", [b"utf-8"])[0].decode("ascii", "replace")
    message, truncated = shortened(text(body, encoding))
    author, email, _ = _person(headers.get("author", [b""])[0], encoding)
    parents = [parent.decode("ascii", "replace") for parent in headers.get("parent", [])]
    files, more = changed_files(_name_status(repository, sha, parents))
    return {
        "repository": cut(repository.name, NAME_BYTES),
        "branch": cut(branch, NAME_BYTES),
        "sha": sha,
        "author": author,
        "email": email,
        "committed": _person(headers.get("committer", [b""])[0], encoding)[2],
        "message": message,
        "message_truncated": truncated,
        "files": files,
        "more_files": more,
    }


def text(raw: bytes, encoding: str = "utf-8") -> str:
    """Valid Unicode of any bytes: UTF-8 where they are that, else as they say, else with marks."""
    named = [encoding] if ENCODINGS.match(encoding) else []
    for name in ("utf-8", *named):
        try:
            return raw.decode(name).replace("\0", "\N{REPLACEMENT CHARACTER}")
        except (LookupError, UnicodeError):
            continue
    return raw.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


def shortened(message: str) -> tuple[str, bool]:
    """At most MESSAGE_BYTES of UTF-8, the mark included, and whether something was cut off."""
    if len(message.encode()) <= MESSAGE_BYTES:
        return message, False
    return cut(message, MESSAGE_BYTES - len(MARK)) + MARK, True


def cut(whole: str, most: int) -> str:
    """Its beginning, of at most that many bytes of UTF-8."""
    return whole.encode()[:most].decode(errors="ignore")


def changed_files(pieces: Iterable[bytes]) -> tuple[list[dict[str, str]], int]:
    """The first files of `git diff-tree --name-status -z`, and how many more there are."""
    files: list[dict[str, str]] = []
    more = 0
    fields = _fields(pieces)
    for status in fields:
        kind = text(status)[:1]
        path = next(fields, b"")
        if kind in ("R", "C"):
            path = next(fields, b"")
        if len(files) < MOST_FILES:
            files.append({"status": kind, "path": cut(text(path), NAME_BYTES)})
        else:
            more += 1
    return files, more


def _name_status(repository: Repository, sha: str, parents: list[str]) -> Iterator[bytes]:
    # A merge is told by what it brought to its first parent.
    compared = [parents[0], sha] if parents else ["--root", "--no-commit-id", sha]
    options = ("-r", "-z", "-M", "-l400", "--name-status", "--no-ext-diff")
    return stream(repository.git_dir, "diff-tree", *options, *compared)


def _fields(pieces: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\0")
        yield from whole


def _headers(head: bytes) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for line in head.split(b"\n"):
        name, _, value = line.partition(b" ")
        if name:
            found.setdefault(name.decode("ascii", "replace"), []).append(value)
    return found


def _person(line: bytes, encoding: str) -> tuple[str, str, str]:
    """Name, address and time (ISO 8601, UTC) of an `author` or `committer` line."""
    found = re.fullmatch(rb"(.*?) ?<([^>]*)>\s*(-?\d+)?.*", line, re.DOTALL)
    if found is None:
        return cut(text(line, encoding), NAME_BYTES), "", _time(0)
    name, email = (cut(text(part, encoding), NAME_BYTES) for part in found.group(1, 2))
    return name, email, _time(int(found[3] or 0))


def _time(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(min(max(seconds, 0), LAST_SECOND)))
