"""Remote commands: how many a run of pyinfra starts on each host, counted in the running pyinfra.

`python -m benchmarks.remote_commands COUNTS ARGUMENTS...` is `pyinfra ARGUMENTS` that writes the
file COUNTS at its end. No answer is made up: a command is counted where paramiko sends it.
"""

from __future__ import annotations

import atexit
import functools
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

Counts = dict[str, dict[str, int]]
"""Remote commands by host and deploy: {"xps13": {"Base": 4}}; outside of deploys: ""."""


def count(*arguments: str) -> Counts:
    """The remote commands of `pyinfra ARGUMENTS`, which has to succeed."""
    with TemporaryDirectory() as directory:
        counts = Path(directory) / "counts.json"
        command = [sys.executable, "-m", __spec__.name, str(counts), *arguments]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
        assert run.returncode == 0, run.stderr
        found: Counts = json.loads(counts.read_text())
    return found


def main() -> None:
    # pyinfra_cli patches the sockets of the process, so paramiko comes after it.
    from paramiko import Channel
    from pyinfra_cli.main import main as pyinfra

    counted: Counter[tuple[str, str]] = Counter()
    counts = Path(sys.argv.pop(1))
    atexit.register(lambda: counts.write_text(json.dumps(_by_host(counted))))
    # A channel is opened for one of these: a command, a file transfer or a shell.
    for request in ("exec_command", "invoke_subsystem", "invoke_shell"):
        setattr(Channel, request, _counting(getattr(Channel, request), counted))
    sys.exit(pyinfra())


def _counting(request: Callable[..., Any], counted: Counter[tuple[str, str]]) -> Callable[..., Any]:
    @functools.wraps(request)
    def counting(*arguments: Any, **options: Any) -> Any:
        counted[_asker()] += 1
        return request(*arguments, **options)

    return counting


def _asker() -> tuple[str, str]:
    """The host and the deploy that the current greenlet of pyinfra works for."""
    from pyinfra.context import host, state

    deploy = host.current_deploy_name
    if host.executing_op_hash is not None:
        name = next(iter(state.get_op_meta(host.executing_op_hash).names))
        deploy = name.rpartition(" | ")[0]
    return host.name, (deploy or "").partition(" | ")[0]


def _by_host(counted: Counter[tuple[str, str]]) -> Counts:
    found: Counts = {}
    for (host, deploy), number in counted.items():
        found.setdefault(host, {})[deploy] = number
    return found


if __name__ == "__main__":
    main()
