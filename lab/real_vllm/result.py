"""Result: what one run of the ring found, kept as JSON beside the code."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lab.real_vllm.questions import Answers

FILE = Path(__file__).parent / "result.json"


@dataclass(frozen=True)
class Result:
    """Answers of the real server, and what tells how they came about; `seconds` by step."""

    date: str
    versions: dict[str, str]
    command: list[str]
    seconds: dict[str, int]
    answers: Answers
    wrong: list[dict[str, Any]]
    """Differences of the stand-in that have no reason, as `contract.Difference` has them."""

    @classmethod
    def recorded(cls) -> Result:
        """The last one that was written."""
        return cls(**json.loads(FILE.read_text()))

    def write(self) -> None:
        FILE.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n")
