"""Selection: the hosts that ``--limit`` and ``--exclude`` leave, and patterns that name none."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from fnmatch import fnmatch

from deploys.topology import Machine, Topology
from preflight.invocation import Invocation
from preflight.problems import Problem


def selected(topology: Topology, invocation: Invocation) -> tuple[Machine, ...]:
    """The hosts that this run connects to, chosen as pyinfra chooses them."""
    limited = _matching_any(topology, invocation.limit) if invocation.limit else topology.machines
    excluded = _matching_any(topology, invocation.exclude)
    return tuple(machine for machine in limited if machine not in excluded)


def unmatched(topology: Topology, invocation: Invocation) -> list[Problem]:
    """pyinfra only warns of a pattern without a match, and goes on with the others."""
    patterns = [("--limit", pattern) for pattern in invocation.limit]
    patterns += [("--exclude", pattern) for pattern in invocation.exclude]
    problems = [
        Problem(
            f"{option} {pattern}", "matches no host and no role", _suggestion(topology, pattern)
        )
        for option, pattern in patterns
        if not _matching(topology, pattern)
    ]
    if not problems and not selected(topology, invocation):
        return [Problem("--limit and --exclude", "leave no host", "exclude less")]
    return problems


def _matching_any(topology: Topology, patterns: Iterable[str]) -> tuple[Machine, ...]:
    found = (machine for pattern in patterns for machine in _matching(topology, pattern))
    return tuple(dict.fromkeys(found))


def _matching(topology: Topology, pattern: str) -> tuple[Machine, ...]:
    named = tuple(machine for machine in topology.machines if fnmatch(machine.name, pattern))
    return topology.having(pattern) or named


def _suggestion(topology: Topology, pattern: str) -> str:
    names = [machine.name for machine in topology.machines] + list(topology.groups)
    close = get_close_matches(pattern, names, n=3)
    return f"did you mean {' or '.join(close)}?" if close else f"known are {', '.join(names)}"
