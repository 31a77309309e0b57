"""Clients of a desk: the programs and libraries by which people use the services.

One environment holds them all; what has a command of its own is linked into /usr/local/bin.
`ai-idp-python` is its interpreter, for scripts that import them.
"""

from __future__ import annotations

from pathlib import Path

from deploys.python_environment import PythonEnvironment
from deploys.rendering import render
from operations.entries import Entry, File, Link

PROGRAM = "/opt/ai-idp/workstation"
REQUIREMENTS = Path(__file__).parent.parent / "files" / "workstation" / "requirements.txt"
COMMANDS = ("hf", "mlflow")
PYTHON = "/usr/local/bin/ai-idp-python"


def environment() -> PythonEnvironment:
    return PythonEnvironment(PROGRAM, "clients", REQUIREMENTS.read_bytes())


def entries() -> list[Entry]:
    """The environment and the ways into it."""
    made = environment()
    return [
        *made.entries(),
        *(Link(f"/usr/local/bin/{name}", f"{made.link}/bin/{name}") for name in COMMANDS),
        # Python finds an environment by the path that it is called by, which a link is not.
        File(PYTHON, render("workstation/ai-idp-python.j2", environment=made), mode="0755"),
    ]
