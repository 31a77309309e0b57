"""Commit events' program: what hooks, the delivery and people run, and by which names."""

from __future__ import annotations

from pathlib import Path

from operations.entries import Directory, Entry, File, Link

PROGRAM = "/usr/local/lib/ai-idp/commit_events"
COMMAND = "/usr/local/bin/commit-events"
FOR_PEOPLE = ("watch-repository", "unwatch-repository")
FILES = Path(__file__).parent.parent / "files" / "commit_events"


def program() -> list[Entry]:
    """The program, and its names for people."""
    modules = sorted(path for path in FILES.glob("*.py") if path.name != "launch.py")
    return [
        Directory(PROGRAM),
        *(File(f"{PROGRAM}/{path.name}", path.read_bytes()) for path in modules),
        File(COMMAND, (FILES / "launch.py").read_bytes(), mode="0755"),
        *(Link(f"/usr/local/bin/{name}", COMMAND) for name in FOR_PEOPLE),
    ]
