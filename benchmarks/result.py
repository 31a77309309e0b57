"""Results: what one run of the benchmark measured, on which versions, kept as JSON for ever."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

from benchmarks.pairs import Comparison
from benchmarks.remote_commands import Counts

DIRECTORY = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Result:
    """One run of the benchmark: over `hosts` hosts, with a sample of `files` files on each."""

    when: str
    hosts: int
    files: int
    machine: str
    versions: dict[str, str]
    comparisons: tuple[Comparison, ...]
    remote_commands: Counts
    """Commands by host and role in a run that finds nothing to do."""

    def save(self) -> Path:
        DIRECTORY.mkdir(exist_ok=True)
        path = DIRECTORY / f"{self.when}-lab.json"
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")
        return path

    @classmethod
    def newest(cls) -> Self:
        return cls._from_record(json.loads(max(DIRECTORY.glob("*-lab.json")).read_text()))

    @classmethod
    def _from_record(cls, record: dict[str, Any]) -> Self:
        comparisons = _comparisons(record.pop("comparisons"))
        return cls(**record, comparisons=comparisons)


@dataclass(frozen=True)
class GatewayResult:
    """One run of the gateway's benchmark."""

    when: str
    machine: str
    versions: dict[str, str]
    comparisons: tuple[Comparison, ...]

    def save(self) -> Path:
        DIRECTORY.mkdir(exist_ok=True)
        path = DIRECTORY / f"{self.when}-gateway.json"
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")
        return path

    @classmethod
    def newest(cls) -> Self:
        record = json.loads(max(DIRECTORY.glob("*-gateway.json")).read_text())
        return cls(**{**record, "comparisons": _comparisons(record["comparisons"])})


def _comparisons(rows: list[dict[str, Any]]) -> tuple[Comparison, ...]:
    return tuple(
        Comparison(**{**row, "pairs": tuple((a, b) for a, b in row["pairs"])}) for row in rows
    )


def machine() -> str:
    """The computer, in as much as it decides what the ratios are."""
    return f"{platform.system()} on {platform.machine()}, {os.cpu_count()} processors"


def versions() -> dict[str, str]:
    """Everything that had a part in the run: ours by its commit."""
    ssh = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=True).stderr
    described = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    commit = subprocess.run(described, capture_output=True, text=True, check=True).stdout
    return {
        "ai-idp": commit.strip(),
        "python": platform.python_version(),
        "pyinfra": version("pyinfra"),
        "paramiko": version("paramiko"),
        "OpenSSH": ssh.split(",")[0].removeprefix("OpenSSH_"),
    }
