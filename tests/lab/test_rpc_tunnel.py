"""The tunnel of docs/runbooks/rpc.md: its own commands open one port of loopback, and no more.

What listens there is a stand-in that repeats what it is told; the way to it is what counts.
"""

from __future__ import annotations

import re
import subprocess
import textwrap
from collections.abc import Iterator

import pytest

from lab import network
from lab.checkout import ROOT, container_name
from tests.lab.conftest import shell
from tests.lab.waiting import wait_until

DESKTOP, BOARD = "schlimers-server", "jetson"
RUNBOOK = (ROOT / "docs" / "runbooks" / "rpc.md").read_text()
IN_RUNBOOK = "192.168.1.40"
ECHO = """
import socket
server = socket.create_server(("127.0.0.1", 50052))
while True:
    peer, _ = server.accept()
    peer.sendall(peer.recv(100))
    peer.close()
"""
ASK = (
    'python3 -c \'import socket; s = socket.create_connection(("{}", {}), 3); '
    's.sendall(b"layers"); print(s.recv(100).decode())\''
)


def commands(beginning: str) -> str:
    """The block of the runbook's commands that begins so, for the lab's address."""
    blocks = re.findall(r"(?:^ {4,}\S.*\n)+", RUNBOOK, re.MULTILINE)
    (block,) = (b for b in map(textwrap.dedent, blocks) if b.startswith(beginning))
    return block.replace(IN_RUNBOOK, network.read().hosts[BOARD])


@pytest.fixture(scope="module")
def tunnel() -> Iterator[str]:
    """The options of its `ssh`, while it is open."""
    shell(DESKTOP, f"mkdir -p -m 0700 ~/.ssh && {commands('ssh-keygen')}")
    key = shell(DESKTOP, "cat ~/.ssh/rpc-tunnel.pub").strip()
    shell(BOARD, commands("useradd").replace("KEY", key))
    address = network.read().hosts[BOARD]
    shell(DESKTOP, f"ssh-keyscan -t ed25519 {address} 2>/dev/null >>~/.ssh/known_hosts")
    listener, ssh = _started(BOARD, ["python3", "-c", ECHO]), commands("ssh -N")
    opened = _started(DESKTOP, ["sh", "-c", f"exec {ssh}"])
    try:
        yield ssh
    finally:
        shell(DESKTOP, "pkill -f '[r]pc-tunnel@'; rm -rf ~/.ssh/rpc-tunnel*", check=False)
        shell(DESKTOP, "rm -f ~/.ssh/known_hosts")
        shell(BOARD, f"pkill -f '[c]reate_server'; {commands('userdel')}", check=False)
        for process in (listener, opened):
            process.wait(10)


def _started(host: str, command: list[str]) -> subprocess.Popen[bytes]:
    quiet = subprocess.DEVNULL
    run = ["docker", "exec", container_name(host), *command]
    return subprocess.Popen(run, stdin=quiet, stdout=quiet, stderr=quiet)


def test_the_port_is_reached_through_the_tunnel_and_in_no_other_way(tunnel: str) -> None:
    through = ASK.format("127.0.0.1", 50052)
    wait_until("it answers", lambda: shell(DESKTOP, through, check=False) == "layers\n")
    past = ASK.format(network.read().hosts[BOARD], 50052)
    assert shell(DESKTOP, past, check=False) == ""


def test_the_account_gets_no_shell_and_no_other_port(tunnel: str) -> None:
    shell_instead = tunnel.replace("ssh -N", "ssh -o BatchMode=yes").strip()
    assert "uid=" not in shell(DESKTOP, f"timeout 10 {shell_instead} id; :")
    other = tunnel.replace("50052:127.0.0.1:50052", "50053:127.0.0.1:22")
    asked = f"{other.strip()} & sleep 2; {ASK.format('127.0.0.1', 50053)}; kill $!"
    assert "SSH" not in shell(DESKTOP, asked, check=False)
    back = tunnel.replace("-L 127.0.0.1:50052:127.0.0.1:50052", "-R 127.0.0.1:50054:127.0.0.1:22")
    assert back != tunnel
    opened = shell(DESKTOP, f"timeout 30 {back.strip()} 2>/dev/null; echo exit $?", check=False)
    assert opened == "exit 255\n"
