"""`grafana server …` and `grafana cli …`, as the package's unit and people call them."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from . import command_line, server
from .configuration import Configuration, RefusedError
from .database import Database
from .provisioning import provision


def main(argv: Sequence[str]) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        match list(argv):
            case ["server", *rest]:
                return serve(rest)
            case ["cli", *rest]:
                return command_line.run(rest)
    except RefusedError as refused:
        print(f"Error: ✗ {refused}", file=sys.stderr, flush=True)
        return 1
    print("usage: grafana server|cli ...", file=sys.stderr)
    return 3


def serve(arguments: Sequence[str]) -> int:
    options = dict(
        word.lstrip("-").split("=", 1)
        for word in arguments
        if word.startswith("--") and "=" in word
    )
    overrides = [word for word in arguments if word.startswith("cfg:")]
    settings = Configuration.read(Path(options["config"]), overrides)
    database = Database(settings)
    database.make_admin(settings["security", "admin_user"], settings["security", "admin_password"])
    state = provision(settings, database)
    if "pidfile" in options:
        Path(options["pidfile"]).write_text("1")
    server.run(settings, database, state)
    return 0


sys.exit(main(sys.argv[1:]))
