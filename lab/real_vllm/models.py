"""Models: the tiny checkpoint that both servers load, under its production name."""

from __future__ import annotations

from pathlib import Path

from deploys.catalogue import Model
from group_data.models import models
from group_data.vllm import vllm
from lab import checkpoints

SEED = 8
EMPTY = "empty"
"""A folder beside the model that holds none."""


def served() -> Model:
    """The model that production serves."""
    return models.named(vllm.model)


def write(directory: Path) -> None:
    """Write it into a folder of its name, readable by the server's user."""
    folder = directory / served().name
    folder.mkdir(parents=True)
    tokens = served().architecture.context_tokens
    for file, content in checkpoints.files(checkpoints.LLAMA, SEED, tokens).items():
        (folder / file).write_bytes(content)
    (directory / EMPTY).mkdir()
    for path in (directory, folder):
        path.chmod(0o755)
