"""Offer: the container images and models that the outside world of the lab has, good and faulty."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import images, models
from lab.checkout import LAB
from lab.engine import LabError, docker

LLAMA_CPP = "ghcr.io/ggml-org/llama.cpp"


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


def tag_images(server: str) -> dict[str, str]:
    """Tag the image ``server`` and its variants as production names them; role to reference.

    ``server`` is the build that Debian has. ``upgrade`` is the same program under the next build
    number and another digest. ``unhealthy`` starts but never answers its health check.
    """
    # It says its version on standard error.
    ask = ("-c", "/app/llama-server --version 2>&1")
    version = docker("run", "--rm", "--entrypoint", "sh", server, *ask)
    build = _build_number(version)
    names = {
        variant: f"{LLAMA_CPP}:server-b{build + number}"
        for number, variant in enumerate(("server", "upgrade", "unhealthy"))
    }
    docker("tag", server, names["server"])
    _commit(server, names["upgrade"], change=f"ENV LAB_VARIANT=b{build + 1}")
    _commit(
        server,
        names["unhealthy"],
        change=f"ENV LAB_VARIANT=b{build + 2}",
        replace=(LAB / "llama_cpp" / "never-healthy.sh", "/app/llama-server"),
    )
    return names


def write_models(directory: Path) -> dict[str, Any]:
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


def definition(server: str) -> bytes:
    """What the offer is made from: a change of it changes the outside world's image."""
    own = (LAB / "offer.py", LAB / "models.py", LAB / "llama_cpp")
    return images.content(*own) + server.encode()


def _build_number(version: str) -> int:
    found = re.search(r"\bbuild (\d+)", version)
    if found is None:
        raise LabError(
            f"cannot read llama-server's build number from {version.strip()!r}; "
            "adapt _build_number in lab/offer.py to what it prints"
        )
    return int(found[1])


def _commit(image: str, tag: str, change: str, replace: tuple[Path, str] | None = None) -> None:
    container = docker("create", image).strip()
    try:
        if replace:
            source, target = replace
            docker("cp", str(source), f"{container}:{target}")
        docker("commit", "--change", change, container, tag)
    finally:
        docker("rm", "--force", container)
