"""The metrics database: the lab's Prometheus, asked on its own host, many questions at a time."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from deploys.prometheus import Prometheus
from deploys.topology import Topology
from lab.checkout import container_name

Series = list[dict[str, Any]]


class Database:
    """Prometheus' HTTP API on the host that has it; elsewhere its port is closed."""

    def __init__(self, topology: Topology) -> None:
        ((machine, settings),) = topology.holders(Prometheus)
        self.container = container_name(machine.name)
        self.url = f"http://{machine.address}:{settings.port}/api/v1"

    def values(self, queries: Iterable[str]) -> dict[str, Series]:
        """What each query yields now, numbers only; AssertionError where one is refused."""
        asked = list(dict.fromkeys(queries))
        paths = [f"query?query={quote(query, safe='')}" for query in asked]
        answers = zip(asked, self.answers(paths), strict=True)
        return {query: _numbers(_data(query, answer)["result"]) for query, answer in answers}

    def ranges(
        self, queries: Iterable[str], start: float, end: float, step: float
    ) -> dict[str, Series]:
        """What each query yielded from `start` to `end`, in seconds of Unix."""
        asked = list(dict.fromkeys(queries))
        span = f"start={start}&end={end}&step={step}"
        paths = [f"query_range?query={quote(query, safe='')}&{span}" for query in asked]
        answers = zip(asked, self.answers(paths), strict=True)
        return {query: _data(query, answer)["result"] for query, answer in answers}

    def described(self) -> Mapping[str, Any]:
        """Kind and help of every metric, by name, as the targets state them."""
        (answer,) = self.answers(["metadata"])
        return {name: stated[0] for name, stated in _data("metadata", answer).items()}

    def answers(self, paths: list[str]) -> Iterator[dict[str, Any]]:
        """The answers to these paths, by one command on the host."""
        options = ["silent", "show-error", "globoff", "max-time = 20", 'write-out = "\\n"']
        requests = [
            "\n".join([*options, f'url = "{self.url}/{path}"', 'output = "-"']) for path in paths
        ]
        run = subprocess.run(
            ["docker", "exec", "-i", self.container, "curl", "--config", "-"],
            input="\nnext\n".join(requests),
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, run.stderr
        return (json.loads(line) for line in run.stdout.splitlines() if line)


def _data(what: str, answer: dict[str, Any]) -> Any:
    assert answer["status"] == "success", f"{what}: {answer.get('error')}"
    return answer["data"]


def _numbers(series: Series) -> Series:
    """Without what is not a number: a rate of nothing divided by nothing says nothing."""
    return [one for one in series if not math.isnan(float(one["value"][1]))]
