"""Server: one container of vLLM's image, or the stand-in's, as production runs it."""

from __future__ import annotations

import secrets
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploys.vllm_stack import GROUP, HOME, INNER_PORT, USER
from lab.checkout import container_name
from lab.engine import LabError, docker
from lab.real_vllm.client import Server, ask

START_SECONDS = 900
MEMORY = "6g"
LOG_CHARACTERS = 20_000
"""Of a failed start: the root cause stands above several tracebacks that follow from it."""
HARDENED = (
    *("--user", f"{USER}:{GROUP}", "--read-only", "--cap-drop", "ALL"),
    *("--security-opt", "no-new-privileges", "--memory", MEMORY, "--shm-size", "1g"),
    *("--tmpfs", "/tmp:exec,size=2g,mode=1777"),
    *("--tmpfs", f"{HOME}:exec,size=2g,uid={USER},mode=0700"),
    *("--env", f"HOME={HOME}", "--env", "HF_HUB_OFFLINE=1"),
    *("--env", "VLLM_NO_USAGE_STATS=1", "--env", "DO_NOT_TRACK=1"),
)
"""What templates/vllm/compose.yaml.j2 and templates/stack/compose.yaml.j2 give the container."""


@dataclass(frozen=True)
class Program:
    """An image that has `vllm serve`, and what it needs beyond production's definition."""

    name: str
    image: str
    models: Path
    options: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()

    @property
    def container(self) -> str:
        return container_name(self.name)

    def options_of(self, *more: str) -> tuple[str, ...]:
        mounted = ("--volume", f"{self.models}:/models:ro")
        return ("--name", self.container, *HARDENED, *mounted, *self.options, *more)


@contextmanager
def running(program: Program, model: str, arguments: Sequence[str]) -> Iterator[Server]:
    """The server once it is healthy; LabError if it never is."""
    key = secrets.token_hex(16)
    remove(program)
    docker(
        *("run", "--detach", "--publish", f"127.0.0.1::{INNER_PORT}"),
        *program.options_of("--env", f"VLLM_API_KEY={key}"),
        *(program.image, *arguments, *program.arguments),
    )
    try:
        published = docker("port", program.container, f"{INNER_PORT}/tcp")
        server = Server(int(published.splitlines()[0].rpartition(":")[2]), key, model)
        _wait(program, server)
        yield server
    finally:
        remove(program)


def ended(program: Program, arguments: Sequence[str]) -> tuple[int, str]:
    """Exit status and log of a server that should refuse to start."""
    remove(program)
    try:
        docker("run", "--detach", *program.options_of(), program.image, *arguments)
        status = subprocess.run(
            ["docker", "wait", program.container],
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
        )
        return int(status.stdout), log(program)
    except subprocess.TimeoutExpired as error:
        raise LabError(
            f"{program.name} should have refused `{' '.join(arguments)}`, and still runs after "
            f"{START_SECONDS} s; it said:\n{log(program)[-LOG_CHARACTERS:]}"
        ) from error
    finally:
        remove(program)


def log(program: Program) -> str:
    """Everything that the container has printed."""
    done = subprocess.run(
        ["docker", "logs", program.container],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    return done.stdout


def remove(program: Program) -> None:
    docker("rm", "--force", "--volumes", program.container)


def _wait(program: Program, server: Server) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _healthy(server):
        state = docker("inspect", "--format", "{{.State.Status}}", program.container).strip()
        if state != "running" or time.monotonic() > deadline:
            raise LabError(
                f"{program.name} did not become healthy (its container: {state}); it said:\n"
                f"{log(program)[-LOG_CHARACTERS:]}"
            )
        time.sleep(1)


def _healthy(server: Server) -> bool:
    try:
        return ask(server, "GET", "/health").status == 200
    except OSError:
        return False
