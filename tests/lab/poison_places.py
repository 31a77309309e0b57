"""The places of a machine in which a secret could have been left, read through the engine."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Generator
from contextlib import contextmanager

from deploys.vllm_stack import USER as VLLM_USER
from lab.checkout import container_name
from lab.engine import docker
from tests.lab.poison import Poison

END = b"end of the patterns\n"
WATCH_SECONDS = 30

# Patterns come over standard input and lie in memory, for root alone: a search must not be found.
_RECEIVE = """umask 077
patterns=$(mktemp /dev/shm/patterns.XXXXXX)
trap 'rm -f "$patterns"' EXIT
while read -r line && [ "$line" != 'end of the patterns' ]; do
    printf '%s\\n' "$line"
done >$patterns
"""

# Until standard input ends; every process of the machine, those in its containers too. vLLM reads
# its key from its environment only (docs/decisions.md, 50); its user has no other process.
_WATCH = f"""{_RECEIVE}
watch() {{
    while :; do
        grep -alFf $patterns /proc/[0-9]*/cmdline 2>/dev/null
        for found in $(grep -alFf $patterns /proc/[0-9]*/environ 2>/dev/null); do
            [ "$(stat -c %u "$found" 2>/dev/null)" = {VLLM_USER} ] || echo "$found"
        done
        sleep 0.1
    done
}}
echo watching
watch &
cat >/dev/null
kill $!
"""

# Readable by everybody, and written since the machine was made: ctime cannot be set by hand.
# n8n's packages are as npm's lock says, and bring keys of their own tests.
_READABLE = f"""{_RECEIVE}
find / -xdev -path /opt/ai-idp/n8n -prune -o -type f -perm -o+r -newerct "$SINCE" -print0 |
    xargs -0r grep -alFf $patterns || :
"""

# /run/n8n is no place that was left: n8n's user alone reads it (docs/decisions.md, 92).
_TEMPORARY = """cd / && find tmp var/tmp run run/lock -xdev \\
    -path run/n8n -prune -o -type f -size -4096k -print0 |
    tar --create --null --no-recursion --ignore-failed-read --files-from - 2>/dev/null || :"""
_CONTAINERS = """! command -v docker >/dev/null ||
    docker ps --all --quiet | xargs -r docker inspect"""

CONTENTS = {
    "temporary files": _TEMPORARY,
    "the journal": "journalctl --no-pager --output cat",
    "logs in files": "find /var/log -type f -name '*log*' -exec cat {} +",
    "container definitions": _CONTAINERS,
}


def content(host: str, place: str) -> bytes:
    """All that stands in a place of `host`."""
    return _run(host, CONTENTS[place])


def readable_by_all(host: str, poison: Poison) -> list[str]:
    """Files of `host` that anybody there can read, and that contain a secret."""
    made = docker("inspect", "--format", "{{.Created}}", container_name(host)).strip()
    command = f"SINCE={made}\n{_READABLE}"
    return _run(host, command, poison.patterns + END).decode().split()


@contextmanager
def watched(poison: Poison, host: str | None) -> Generator[Callable[[], set[str]]]:
    """Watch the arguments and the environment of every process, on a host or on this machine.

    What is yielded ends the watch and tells where a secret was seen.
    """
    where = ["docker", "exec", "-i", container_name(host)] if host else []
    watcher = subprocess.Popen(
        [*where, "sh", "-c", _WATCH],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    )
    assert watcher.stdin is not None and watcher.stdout is not None
    watcher.stdin.write(poison.patterns + END)
    assert watcher.stdout.readline() == b"watching\n"
    try:
        yield lambda: set(watcher.communicate(timeout=WATCH_SECONDS)[0].decode().split())
    finally:
        if watcher.poll() is None:
            watcher.communicate(timeout=WATCH_SECONDS)


def _run(host: str, command: str, given: bytes = b"") -> bytes:
    return subprocess.run(
        ["docker", "exec", "-i", container_name(host), "sh", "-c", command],
        input=given,
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
