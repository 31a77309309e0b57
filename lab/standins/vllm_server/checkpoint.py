"""Checkpoint: a model's folder as vLLM reads it: its configuration, and its weights."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .refusal import Refused

NO_FOLDER = (
    "Repo id must be in the form 'repo_name' or 'namespace/repo_name': '{folder}'. Use `repo_type` "
    "argument if needed."
)
NO_CONFIGURATION = """\
Invalid repository ID or local directory specified: '{folder}'.
Please verify the following requirements:
1. Provide a valid Hugging Face repository ID.
2. Specify a local directory that contains a recognized configuration file.
   - For Hugging Face models: ensure the presence of a 'config.json'.
   - For Mistral models: ensure the presence of a 'params.json'.
"""


@dataclass(frozen=True)
class Checkpoint:
    """What the server takes from a model's files."""

    context_tokens: int
    vocabulary: int
    quantization: str
    cache_values: int
    """Numbers that one token keeps in all layers."""
    weights_bytes: int


def read(folder: Path) -> Checkpoint:
    """The model in `folder`; Refused if vLLM could not load it."""
    if not folder.is_dir():
        raise Refused("huggingface_hub.errors.HFValidationError", NO_FOLDER.format(folder=folder))
    if not (folder / "config.json").is_file():
        raise Refused(
            "pydantic_core._pydantic_core.ValidationError",
            f"1 validation error for ModelConfig\n  Value error, {NO_CONFIGURATION}".format(
                folder=folder
            ),
        )
    config = json.loads((folder / "config.json").read_text())
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise Refused("RuntimeError", f"Cannot find any model weights with `{folder}`")
    heads = config.get("num_key_value_heads", config["num_attention_heads"])
    dimension = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    return Checkpoint(
        context_tokens=config["max_position_embeddings"],
        vocabulary=config["vocab_size"],
        quantization=config.get("quantization_config", {}).get("quant_method", ""),
        cache_values=2 * config["num_hidden_layers"] * heads * dimension,
        weights_bytes=sum(_tensors_bytes(file) for file in files),
    )


def _tensors_bytes(file: Path) -> int:
    """Size of the tensors; the header has to cover the file, as safetensors insists."""
    size = file.stat().st_size
    with file.open("rb") as opened:
        header_bytes = int.from_bytes(opened.read(8), "little")
        if size < 8 or header_bytes > size - 8:
            raise _damaged("header too large")
        try:
            header: dict[str, Any] = json.loads(opened.read(header_bytes))
        except ValueError as error:
            raise _damaged("invalid JSON in header") from error
    header.pop("__metadata__", None)
    end = max((tensor["data_offsets"][1] for tensor in header.values()), default=0)
    if end != size - 8 - header_bytes:
        raise _damaged("incomplete metadata, file not fully covered")
    return end


def _damaged(what: str) -> Refused:
    return Refused("safetensors_rust.SafetensorError", f"Error while deserializing header: {what}")
