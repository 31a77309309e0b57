"""Hub: the models that the outside world of the lab has, good and damaged."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import images, models
from lab.checkout import LAB


@dataclass(frozen=True)
class Model:
    """A model file under its production name; ``seed`` makes its bytes."""

    repository: str
    revision: str
    damaged_revision: str
    file: str
    seed: int


MODELS = (
    Model(
        repository="bartowski/Llama-3.2-3B-Instruct-GGUF",
        revision="3b" + "0" * 38,
        damaged_revision="3bbad" + "0" * 35,
        file="Llama-3.2-3B-Instruct-Q4_K_M.gguf",
        seed=3,
    ),
    Model(
        repository="bartowski/Llama-3.2-1B-Instruct-GGUF",
        revision="067b946cf014b7c697f3654f621d577a3e3afd1c",
        damaged_revision="1bbad" + "0" * 35,
        file="Llama-3.2-1B-Instruct-Q4_K_M.gguf",
        seed=1,
    ),
)


def write(directory: Path) -> dict[str, Any]:
    """Write the models and the hub's catalogue into ``directory``; returns the lock's entries.

    The damaged revision of a model has one wrong byte, at the right size, under the hub's
    statement of the right checksum: what a bad disk or proxy makes of a good file.
    """
    catalogue: dict[str, Any] = {}
    locked: dict[str, Any] = {"models": {}, "damaged": {}}
    for model in MODELS:
        path = directory / model.file
        models.write_chat(path, model.file.removesuffix(".gguf"), model.seed)
        content = path.read_bytes()
        (directory / f"damaged-{model.file}").write_bytes(
            content[:-1] + bytes([content[-1] ^ 0xFF])
        )
        stated = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        catalogue[model.repository] = {
            "main": model.revision,
            model.revision: {model.file: {"blob": model.file, **stated}},
            model.damaged_revision: {model.file: {"blob": f"damaged-{model.file}", **stated}},
        }
        entry = {"repository": model.repository, "revision": model.revision, **stated}
        locked["models"][model.file] = entry
        locked["damaged"][model.file] = {**entry, "revision": model.damaged_revision}
    (directory / "catalogue.json").write_text(json.dumps(catalogue, indent=2))
    return locked


def definition() -> bytes:
    """What the models are made from: a change of it changes the outside world's image."""
    return images.content(LAB / "hub.py", LAB / "models.py")
