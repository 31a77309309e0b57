"""Scrape jobs: the declared metrics endpoints, by how they are asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pyinfra.api.exceptions import DeployError

from deploys.topology import Target


@dataclass(frozen=True)
class Job:
    """Targets that are asked in the same way; a secret of theirs lies in a file beside."""

    name: str
    path: str
    bearer_secret: str | None
    targets: tuple[Target, ...]

    @property
    def credentials_file(self) -> str | None:
        """Relative to prometheus.yml, so that promtool finds the staged one."""
        return f"secrets/{self.bearer_secret}" if self.bearer_secret else None


def scrape_jobs(targets: Iterable[Target]) -> tuple[Job, ...]:
    """One job for each name; two ways of asking under one name are refused."""
    by_name: dict[str, list[Target]] = {}
    for target in targets:
        by_name.setdefault(target.scrape.job, []).append(target)
    return tuple(_job(name, members) for name, members in by_name.items())


def _job(name: str, targets: Sequence[Target]) -> Job:
    ways = {(target.scrape.path, target.scrape.bearer_secret) for target in targets}
    if len(ways) > 1:
        roles = " and ".join(sorted({target.role for target in targets}))
        raise DeployError(
            f"the scrape job {name} has more than one path or secret; "
            f"give each its own job name in the scrapes() of {roles}"
        )
    (path, bearer_secret) = ways.pop()
    return Job(name, path, bearer_secret, tuple(targets))
