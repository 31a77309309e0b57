"""Checks of scrapes: one target per exporter, and Prometheus reaches each."""

from __future__ import annotations

from deploys.declarations import EVERYONE
from deploys.topology import Target, Topology
from preflight.problems import Problem

_SCRAPER = "prometheus"


def counted_twice(topology: Topology) -> list[Problem]:
    """An exporter under two jobs would have every sum of its metrics doubled."""
    first: dict[tuple[str, str], Target] = {}
    problems = []
    for target in topology.targets():
        earlier = first.setdefault((target.endpoint, target.scrape.path), target)
        if earlier is not target:
            problems.append(_counted_twice(earlier, target))
    return problems


def _counted_twice(earlier: Target, later: Target) -> Problem:
    return Problem(
        later.machine.name,
        f"{later.endpoint}{later.scrape.path} is scraped as {_named(earlier)} and {_named(later)}",
        f"remove the scrape from deploys/{later.role}.py",
    )


def _named(target: Target) -> str:
    return f"job {target.scrape.job} of {target.role}"


def out_of_reach(topology: Topology) -> list[Problem]:
    """A scrape needs a declared port that the scraper may reach; else its target is down."""
    return [
        Problem(
            target.machine.name,
            f"{_named(target)} scrapes port {target.scrape.port}, which {_SCRAPER} cannot reach",
            f'declare that port in deploys/{target.role}.py with reachable_from "{_SCRAPER}"',
        )
        for target in topology.targets()
        if not _reachable(target)
    ]


def _reachable(target: Target) -> bool:
    return any(
        port.number == target.scrape.port
        and port.protocol == "tcp"
        and not {_SCRAPER, EVERYONE}.isdisjoint(port.reachable_from)
        for port in target.machine.settings[target.role].ports()
    )
