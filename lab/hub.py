"""Hub: what the hub of the lab's outside world has, under the names and commits of production."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from deploys.catalogue import Model
from group_data.models import models as production
from lab import checkpoints, embeddings, images, models
from lab.checkout import LAB, ROOT

GATED_REPOSITORY = "meta-llama/Llama-3.2-1B-Instruct"
GATED_REVISION = "6a7ed" + "0" * 35
ACCEPTED_TOKEN, STRANGERS_TOKEN = "hf_accepted", "hf_stranger"
"""The first one's account accepted the gated repository's licence, the second one's did not."""
LFS = (".gguf", ".safetensors", "tokenizer.json")
"""Endings of the files whose sha256 the hub states; of the others it states git's name."""


def damaged_revision(revision: str) -> str:
    """A commit of which the hub states what is right, and gives the largest file with one wrong
    byte: what a bad disk or proxy makes of a good file."""
    return f"bad{revision[3:]}"


def newer_revision(revision: str) -> str:
    """A commit that has other weights, and states them right."""
    return f"add{revision[3:]}"


def write(directory: Path) -> dict[str, Any]:
    """Write the hub's catalogue and blobs into ``directory``; returns the lock's entries.

    `models` and `newer` have bytes and sha256 of each file, by model and path; `gated` those of
    the repository behind a licence, by path.
    """
    store = partial(_store, directory)
    repositories: dict[str, Any] = {}
    locked: dict[str, Any] = {"models": {}, "newer": {}}
    for model in (model for model in production.catalogue if model.name in CONTENTS):
        files = CONTENTS[model.name](directory)
        largest = max(files, key=lambda path: len(files[path]))
        newer = {**files, largest: _altered(files[largest])}
        good, other = (
            {path: store(path, data) for path, data in have.items()} for have in (files, newer)
        )
        damaged = {**good, largest: {**good[largest], "blob": other[largest]["blob"]}}
        repositories[model.repository] = {
            "main": model.revision,
            model.revision: good,
            newer_revision(model.revision): other,
            damaged_revision(model.revision): damaged,
        }
        locked["models"][model.name] = _sums(files)
        locked["newer"][model.name] = _sums(newer)
        if model.name == "llama-3.2-1b-instruct":
            repositories[GATED_REPOSITORY] = {"main": GATED_REVISION, GATED_REVISION: good}
            locked["gated"] = _sums(files)
    catalogue = {
        "repositories": repositories,
        "gated": [GATED_REPOSITORY],
        "tokens": {ACCEPTED_TOKEN: [GATED_REPOSITORY], STRANGERS_TOKEN: []},
    }
    (directory / "catalogue.json").write_text(json.dumps(catalogue, indent=2))
    return locked


def definition() -> bytes:
    """What the models are made from: a change of it changes the outside world's image."""
    sources = [LAB / f"{name}.py" for name in ("hub", "models", "checkpoints", "embeddings")]
    return images.content(*sources, ROOT / "group_data" / "models.py")


def _chat(directory: Path, model: Model, seed: int) -> dict[str, bytes]:
    return _written(directory, model, partial(models.write_chat, name=model.name, seed=seed))


def _embedding(directory: Path, model: Model, seed: int) -> dict[str, bytes]:
    return _written(directory, model, partial(embeddings.write, name=model.name, seed=seed))


def _written(directory: Path, model: Model, write: Callable[[Path], None]) -> dict[str, bytes]:
    draft = directory / "draft.gguf"
    write(draft)
    content = draft.read_bytes()
    draft.unlink()
    return {model.main_file: content}


def _checkpoint(
    _: Path, model: Model, seed: int, shape: checkpoints.Checkpoint
) -> dict[str, bytes]:
    files = checkpoints.files(shape, seed, model.architecture.context_tokens)
    return {file.path: files[file.path] for file in model.files}


def _of(name: str, write: Callable[..., dict[str, bytes]], **details: Any) -> Any:
    (model,) = (model for model in production.catalogue if model.name == name)
    return partial(write, model=model, **details)


CONTENTS: dict[str, Callable[[Path], dict[str, bytes]]] = {
    "llama-3.1-8b-instruct-fp8": _of(
        "llama-3.1-8b-instruct-fp8", _checkpoint, seed=8, shape=checkpoints.LLAMA
    ),
    "qwen2.5-7b-instruct-awq": _of(
        "qwen2.5-7b-instruct-awq", _checkpoint, seed=7, shape=checkpoints.QWEN
    ),
    "llama-3.2-3b-instruct": _of("llama-3.2-3b-instruct", _chat, seed=3),
    "llama-3.2-1b-instruct": _of("llama-3.2-1b-instruct", _chat, seed=1),
    "nomic-embed-text-v1.5": _of("nomic-embed-text-v1.5", _embedding, seed=15),
}
"""Files by path of the models that the outside world has, by their names in the catalogue."""


def _altered(content: bytes) -> bytes:
    """The same, but for the lowest bit of one of the last numbers."""
    return content[:-4] + bytes([content[-4] ^ 1]) + content[-3:]


def _sums(files: dict[str, bytes]) -> dict[str, dict[str, Any]]:
    return {
        path: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for path, content in files.items()
    }


def _store(directory: Path, path: str, content: bytes) -> dict[str, Any]:
    """Keep a blob; returns what the hub states about it."""
    sha256 = hashlib.sha256(content).hexdigest()
    (directory / sha256).write_bytes(content)
    git = hashlib.sha1(f"blob {len(content)}\0".encode() + content, usedforsecurity=False)
    stated = {"sha256": sha256} if path.endswith(LFS) else {}
    return {"blob": sha256, "bytes": len(content), "oid": git.hexdigest(), **stated}
