"""Card: the graphics card, as nvidia-smi shows it to the container."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from .refusal import Refused

MIB = 1024**2
QUERY = ("nvidia-smi", "--query-gpu=memory.total,memory.used", "--format=csv,noheader,nounits")


@dataclass(frozen=True)
class Card:
    """Memory of the first card, in bytes."""

    total: int
    used: int

    @property
    def free(self) -> int:
        return self.total - self.used


def found() -> Card:
    """The first card; Refused where there is none, as without its device in the container."""
    try:
        asked = subprocess.run(QUERY, capture_output=True, text=True, timeout=30, check=True)
        total, used = asked.stdout.splitlines()[0].split(",")
        return Card(int(total) * MIB, int(used) * MIB)
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        raise Refused(
            "RuntimeError",
            "Failed to infer device type, please set the environment variable "
            "`VLLM_LOGGING_LEVEL=DEBUG` to turn on verbose logging to help debug the issue.",
        ) from error
