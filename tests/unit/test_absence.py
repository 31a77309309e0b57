"""A run leaves out a host that may be absent and does not answer, says so, and ends well."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from pyinfra.api.config import Config
from pyinfra.api.inventory import Inventory
from pyinfra.api.state import State, StateStage

import absence
from changes import JOURNAL
from tests.processes import started

ROOT = Path(__file__).parents[2]
INVENTORY = """
from pyinfra.context import ctx_state
import absence, changes
absence.tolerate(ctx_state.get())
silent = {{"ssh_hostname": "127.0.0.1", "ssh_port": {port}}}
hosts = {hosts}
"""
ABSENT = '("laptop", {**silent, "may_be_absent": True})'
MISSING = '("server", silent)'
PRESENT = '"@local"'
REPORT = "laptop is absent (it may be): nothing was done there\n"

Done = subprocess.CompletedProcess[str]


@pytest.fixture
def silent() -> Generator[int]:
    """A port of this computer that answers nothing: Linux drops what finds the queue full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as waiting:
        waiting.connect(full.getsockname())
        yield full.getsockname()[1]


@pytest.fixture
def refusing() -> Generator[int]:
    """A port of this computer where nobody listens, and nobody else may meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture
def mute() -> Generator[int]:
    """A port where something answers that speaks no SSH: it ends each connection at once."""
    program = "import socket as s\nl=s.create_server(('127.0.0.1',0))\n"
    program += "print(l.getsockname()[1],flush=True)\nwhile True: l.accept()[0].close()"
    with started([sys.executable, "-c", program], stdout=subprocess.PIPE) as server:
        assert server.stdout
        yield int(server.stdout.readline())


def run(folder: Path, port: int, *hosts: str) -> Done:
    """A real run of pyinfra that asks each of `hosts` for nothing."""
    inventory = folder / "inventory.py"
    inventory.write_text(INVENTORY.format(port=port, hosts=f"[{', '.join(hosts)}]"))
    (folder / "config.py").write_text("from pyinfra import config\nconfig.CONNECT_TIMEOUT = 1\n")
    (folder / "journal").touch()
    command = [sys.executable, "-m", "pyinfra", "-y", str(inventory), "exec", "--", "true"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", JOURNAL: f"{folder}/journal"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def journal(folder: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (folder / "journal").read_text().splitlines()]


@pytest.mark.parametrize("hosts", [(ABSENT,), (ABSENT, PRESENT)], ids=["alone", "beside another"])
def test_an_absent_host_that_may_be_fails_no_run(
    tmp_path: Path, silent: int, hosts: tuple[str, ...]
) -> None:
    done = run(tmp_path, silent, *hosts)
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith(REPORT)
    assert done.stderr.count(REPORT) == 1
    assert journal(tmp_path) == [{"absent": "laptop"}]


def test_the_others_are_gone_on_with(tmp_path: Path, silent: int) -> None:
    assert "[@local] Success" in run(tmp_path, silent, ABSENT, PRESENT).stderr.replace("  ", "")


@pytest.mark.parametrize("hosts", [(MISSING, PRESENT), (MISSING, ABSENT), (MISSING,)])
def test_a_host_that_has_to_be_there_fails_the_run(
    tmp_path: Path, silent: int, hosts: tuple[str, ...]
) -> None:
    done = run(tmp_path, silent, *hosts)
    assert done.returncode == 1
    assert "server is absent" not in done.stderr
    assert {"failed": "server"} in journal(tmp_path)


def test_a_host_that_refuses_ssh_is_there_and_fails_the_run(tmp_path: Path, refusing: int) -> None:
    done = run(tmp_path, refusing, ABSENT, PRESENT)
    assert done.returncode == 1
    assert REPORT not in done.stderr
    assert journal(tmp_path) == [{"failed": "laptop"}]


def test_a_host_that_is_lost_during_the_run_is_not_absent(silent: int) -> None:
    data = {"ssh_port": silent, "may_be_absent": True}
    inventory = Inventory(([("127.0.0.1", data)], {}))  # type: ignore[no-untyped-call]
    state = State(inventory, Config(CONNECT_TIMEOUT=1))  # type: ignore[no-untyped-call]
    absence.tolerate(state)
    (host,) = state.inventory
    for stage in (StateStage.Prepare, StateStage.Execute):
        state.set_stage(stage)
        host.connect(reason="rebooted")
        assert (host.connected, absence.absent) == (False, {})


def test_a_host_that_answers_wrongly_is_there_and_fails_the_run(tmp_path: Path, mute: int) -> None:
    done = run(tmp_path, mute, ABSENT, PRESENT)
    assert done.returncode == 1
    assert REPORT not in done.stderr
    assert journal(tmp_path) == [{"failed": "laptop"}]
