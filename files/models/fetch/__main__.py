"""Brings the models that standard input names.

It is one JSON object: `root`, `reserve_bytes`, `token` (or null), and `models` with `name`,
`repository`, `revision`, `gated` and `files` (`path`, `bytes`, `sha256` or null). Standard output
tells how far it is, and `found NAME PATH BYTES SHA256` of each file without a checksum.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from .download import bring
from .model import Failure, File, Model
from .wording import say

WAIT_SECONDS = 600


def main() -> int:
    os.umask(0o022)
    given = json.load(sys.stdin)
    root = Path(given["root"])
    models = [_model(entry, root) for entry in given["models"]]
    (root / ".incoming").mkdir(parents=True, exist_ok=True)
    with (root / ".incoming" / "lock").open("a") as lock:
        try:
            wait_for(lock)
            return min(1, bring(models, root, given["reserve_bytes"], given["token"]))
        except Failure as failure:
            print(failure, file=sys.stderr)
            return 1


def _model(entry: dict[str, Any], root: Path) -> Model:
    files = [File(**file) for file in entry.pop("files")]
    return Model(**entry, files=files, root=root)


def wait_for(lock: Any) -> None:
    """Hold the lock; a download whose SSH connection was lost may still have it."""
    ends = time.monotonic() + WAIT_SECONDS
    told = False
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > ends:
                raise Failure(
                    f"another download still runs on this host after {WAIT_SECONDS} s; "
                    "wait for its end, then run again"
                ) from None
            if not told:
                say("another download runs on this host: waiting for its end")
            told = True
            time.sleep(1)


if __name__ == "__main__":
    sys.exit(main())
