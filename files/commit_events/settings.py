"""Settings: what the roll-out says to the programs on this host."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

PATH = Path("/etc/ai-idp/commit-events/settings.json")


@dataclass(frozen=True)
class Settings:
    """Content of `settings.json`. `state` holds the folders incoming, queue, rejected and done."""

    url: str
    state: Path
    metrics: Path
    token_file: Path
    longest_push: int
    untagged_seconds: int
    answer_seconds: int
    repositories: tuple[Path, ...]

    @classmethod
    def read(cls, path: Path = PATH) -> Settings:
        """The settings of this host; OSError or ValueError where there are none that make sense."""
        found = json.loads(path.read_text())
        return cls(
            url=found["url"],
            state=Path(found["state"]),
            metrics=Path(found["metrics"]),
            token_file=Path(found["token_file"]),
            longest_push=found["longest_push"],
            untagged_seconds=found["untagged_seconds"],
            answer_seconds=found["answer_seconds"],
            repositories=tuple(map(Path, found["repositories"])),
        )

    @property
    def incoming(self) -> Path:
        """Where hooks put events."""
        return self.state / "incoming"
