"""Logs: what VictoriaLogs says that hosts and containers wrote, asked on its own host."""

from __future__ import annotations

import json
import shlex

from lab import network
from tests.lab.conftest import shell

ENGINE = "sclimers-observation"
UNIT = "victoria-logs"
# It may just have been started.
CURL = "curl -sSf --max-time 20 --retry 20 --retry-delay 1 --retry-connrefused"


def found(query: str) -> list[dict[str, str]]:
    """The lines that a query in LogsQL finds, each with its fields."""
    url = f"http://{network.read().hosts[ENGINE]}:9428/select/logsql/query"
    asked = shlex.quote(f"query={query}")
    said = shell(ENGINE, f"{CURL} {url} --data-urlencode {asked}")
    return [json.loads(line) for line in said.splitlines()]


def count(word: str) -> tuple[int, int]:
    """How many lines have this word, and how many different ones."""
    (row,) = found(f"{word} | stats count() lines, count_uniq(_msg) different")
    return int(row["lines"]), int(row["different"])
