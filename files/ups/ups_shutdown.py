#!/usr/bin/python3
"""What a host does between the last warning of its UPS and `poweroff`, and when it is back.

`run` stops what runs here in the declared order, `dry-run` prints that order, `resume` starts again
the containers that `run` stopped. Managed by ai-idp from files/ups/ups_shutdown.py.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

PLAN = Path("/etc/ai-idp/ups-shutdown.json")
STOPPED = Path("/var/lib/ai-idp/ups/stopped")
GRACE_SECONDS = 30
"""What a container gets to end, as in its Compose file."""
PROJECT = "com.docker.compose.project"
MISSED_PINGS = 3
"""In a row, from which on a host counts as off."""

Run = Callable[[Sequence[str], float], "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True)
class Plan:
    """What goes down on this host: its stacks in order, whom it waits for, and its guests."""

    stacks: tuple[str, ...]
    stacks_seconds: float
    wait_for: dict[str, str]
    wait_seconds: float
    guests_seconds: float

    @classmethod
    def read(cls, path: Path) -> Plan:
        values = json.loads(path.read_text())
        return cls(**{**values, "stacks": tuple(values["stacks"])})


@dataclass(frozen=True)
class Container:
    """A running container; `project` is empty where Compose did not make it."""

    id: str
    project: str


def run_command(command: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
    """Run a command that may fail and must not hold up the rest."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=max(seconds, 1))
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))


def containers(run: Run) -> list[Container]:
    """What runs now; nothing on a host without an engine."""
    if shutil.which("docker") is None:
        return []
    form = "{{.ID}}\t" + f'{{{{.Label "{PROJECT}"}}}}'
    listed = run(["docker", "ps", "--no-trunc", "--format", form], 10).stdout
    rows = (line.partition("\t") for line in listed.splitlines())
    return [Container(id, project) for id, _, project in rows]


def in_order(running: Sequence[Container], stacks: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Projects with their containers as they go: what nobody declared first, then by `stacks`."""
    projects = {container.project for container in running}
    named = [project for project in stacks if project in projects]
    others = sorted(projects - set(named))
    return [
        (project, [container.id for container in running if container.project == project])
        for project in [*others, *named]
    ]


def stop_stacks(plan: Plan, run: Run, clock: Callable[[], float], stopped: Path) -> None:
    """Stop all containers within the time; `poweroff` ends what is left."""
    order = in_order(containers(run), plan.stacks)
    if not order:
        return
    # First: a battery that ends too early leaves what is off to be started again.
    remember([id for _, ids in order for id in ids], stopped)
    deadline = clock() + plan.stacks_seconds
    for project, ids in order:
        left = deadline - clock()
        if left < 1:
            say(f"no time is left to stop {project or 'other containers'}")
            continue
        grace = str(int(min(GRACE_SECONDS, left)))
        done = run(["docker", "stop", "--time", grace, *ids], left + 5)
        say(f"{'stopped' if done.returncode == 0 else 'could not stop'} {project or 'others'}")


def remember(ids: Sequence[str], stopped: Path) -> None:
    stopped.parent.mkdir(parents=True, exist_ok=True)
    known = stopped.read_text().splitlines() if stopped.exists() else []
    lines = [*known, *(id for id in ids if id not in known)]
    new = stopped.with_suffix(".new")
    with new.open("w") as file:
        file.write("".join(f"{line}\n" for line in lines))
        file.flush()
        os.fsync(file.fileno())
    new.rename(stopped)


def wait_for_others(
    plan: Plan,
    run: Run,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    began: float,
) -> None:
    """Wait until the hosts that need this one longest are off, or the time is over.

    They began to go down when this one did, at `began`: its own stacks take none of their time.
    """
    deadline = began + plan.wait_seconds
    missed = dict.fromkeys(plan.wait_for, 0)
    while waiting := [name for name, count in missed.items() if count < MISSED_PINGS]:
        if clock() >= deadline:
            say(f"{', '.join(waiting)} did not go off within {plan.wait_seconds:.0f} s")
            return
        for name in waiting:
            ping = ["ping", "-n", "-q", "-c", "1", "-W", "1", plan.wait_for[name]]
            missed[name] = 0 if run(ping, 3).returncode == 0 else missed[name] + 1
        sleep(0.5)
    if missed:
        say(f"{', '.join(missed)}: off")


def stop_guests(plan: Plan, run: Run) -> None:
    """Have the node stop its guests in its own order (the reverse of their start)."""
    if not plan.guests_seconds:
        return
    each = str(max(10, int(plan.guests_seconds) // 2))
    stop = ["pvesh", "--nooutput", "create", "/nodes/localhost/stopall", "--timeout", each]
    done = run(stop, plan.guests_seconds)
    say("stopped the guests" if done.returncode == 0 else f"guests: {done.stderr.strip()}")


def described(plan: Plan, running: Sequence[Container]) -> list[str]:
    """The order as lines for a person."""
    lines = [
        f"stop {project or 'other containers'}" for project, _ in in_order(running, plan.stacks)
    ]
    lines += [f"wait for {name} ({address})" for name, address in plan.wait_for.items()]
    lines += ["stop the guests"] if plan.guests_seconds else []
    return [*lines, "power off"]


def resume(run: Run, stopped: Path) -> int:
    """Start what `run` stopped, the last to go first; what does not start yet is kept for later."""
    ids = stopped.read_text().split() if stopped.exists() else []
    listed = run(["docker", "ps", "--all", "--no-trunc", "--format", "{{.ID}}"], 60)
    if listed.returncode != 0:
        say(f"the engine does not answer: {listed.stderr.strip()}")
        return 1
    there = listed.stdout.split()
    left = []
    for id in reversed(ids):
        if id not in there:
            say(f"{id[:12]} is gone")
        elif run(["docker", "start", id], 300).returncode != 0:
            left.append(id)
    if left:
        say(f"{len(left)} containers did not start")
        stopped.write_text("".join(f"{id}\n" for id in reversed(left)))
        return 1
    stopped.unlink(missing_ok=True)
    return 0


def say(text: str) -> None:
    print(f"ups-shutdown: {text}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plan", type=Path, default=PLAN)
    parser.add_argument("command", choices=("run", "dry-run", "resume"))
    given = parser.parse_args(arguments)
    if given.command == "resume":
        return resume(run_command, STOPPED)
    plan = Plan.read(given.plan)
    if given.command == "dry-run":
        print("\n".join(described(plan, containers(run_command))))
        return 0
    began = time.monotonic()
    stop_stacks(plan, run_command, time.monotonic, STOPPED)
    wait_for_others(plan, run_command, time.monotonic, time.sleep, began)
    stop_guests(plan, run_command)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
