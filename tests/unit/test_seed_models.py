"""Defects of the seeds that an entry of the catalogue of models can carry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import secret_store
from deploys.catalogue import Model, ModelFile
from deploys.models import Models
from deploys.topology import Machine
from group_data.models import models as production
from preflight import secrets

CHAT = production.named("llama-3.2-3b-instruct")
FP8 = production.named("llama-3.1-8b-instruct-fp8")


def gguf(path: str) -> tuple[ModelFile, ...]:
    return (ModelFile(path=path, bytes=2_019_377_696),)


def bloke(name: str) -> str:
    return (
        f"there is no `TheBloke/{name}`: TheBloke stopped early in 2024, before Llama 3.1; take "
        "bartowski's GGUF files, or RedHatAI's in FP8 for vLLM"
    )


LOWER = "llama-3.2-3b-instruct-Q4_K_M.gguf"
DOTTED = "llama-3.2-3b-instruct.Q4_K_M.gguf"
EXACT = "Llama-3.2-3B-Instruct-Q4_K_M.gguf"
MISSPELT = (
    "`bartowski/Llama-3.2-3B-Instruct-GGUF` has no `{}`; its case and dots count: "
    f"write `{EXACT}`"
)

DEFECTS: dict[str, tuple[Model, dict[str, Any], str, dict[str, Any]]] = {
    "roadmap:496: the 8B model of TheBloke": (
        FP8,
        {"repository": "TheBloke/Llama-3.1-8B-Instruct-GGUF"},
        bloke("Llama-3.1-8B-Instruct-GGUF"),
        {"repository": "RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8"},
    ),
    "roadmap:504: the 3B model of TheBloke": (
        CHAT,
        {"repository": "TheBloke/Llama-3.2-3B-Instruct-GGUF"},
        bloke("Llama-3.2-3B-Instruct-GGUF"),
        {"repository": "bartowski/Llama-3.2-3B-Instruct-GGUF"},
    ),
    "roadmap:513: the 1B model of TheBloke": (
        CHAT,
        {"repository": "TheBloke/Llama-3.2-1B-Instruct-GGUF"},
        bloke("Llama-3.2-1B-Instruct-GGUF"),
        {"repository": "bartowski/Llama-3.2-1B-Instruct-GGUF"},
    ),
    "roadmap:496: GGUF files as FP8": (
        CHAT,
        {"quantization": "fp8"},
        "llama-3.2-3b-instruct is GGUF, which is never quantised by `fp8`; take quantization out, "
        "or name the safetensors files of another repository",
        {"quantization": ""},
    ),
    "roadmap:496: GGUF files for vLLM": (
        CHAT,
        {"format": "safetensors"},
        "llama-3.2-3b-instruct has no `*.safetensors` file, which its format says; add its weights",
        {"format": "gguf"},
    ),
    "roadmap:495: whatever is there today": (
        FP8,
        {"revision": "main"},
        "`main` may become other bytes tomorrow; give the commit's 40 hex digits",
        {"revision": FP8.revision},
    ),
    "roadmap:505: a file in lower case": (
        CHAT,
        {"files": gguf(LOWER)},
        MISSPELT.format(LOWER),
        {"files": gguf(EXACT)},
    ),
    "roadmap:157: a file with a dot": (
        CHAT,
        {"files": gguf(DOTTED)},
        MISSPELT.format(DOTTED),
        {"files": gguf(EXACT)},
    ),
    "roadmap:93: a gated repository as an open one": (
        FP8,
        {"repository": "meta-llama/Llama-3.1-8B-Instruct"},
        "`meta-llama/Llama-3.1-8B-Instruct` is only for who accepted its licence, as all of "
        "meta-llama; set gated=True",
        {"repository": "meta-llama/Llama-3.1-8B-Instruct", "gated": True},
    ),
    "mathllm:63: AWQ files of TinyLlama": (
        FP8,
        {"repository": "TinyLlama/TinyLlama-1.1B-Chat-v1.0-AWQ"},
        "there is no `TinyLlama/TinyLlama-1.1B-Chat-v1.0-AWQ`: TinyLlama has no AWQ files; "
        "TheBloke/TinyLlama-1.1B-Chat-v1.0-AWQ is a copy of the model in AWQ",
        {"repository": "TheBloke/TinyLlama-1.1B-Chat-v1.0-AWQ"},
    ),
}


def changed(model: Model, change: dict[str, Any]) -> Model:
    return Model(**{**dict(model), **change})


@pytest.mark.parametrize(("model", "wrong", "message", "right"), DEFECTS.values(), ids=DEFECTS)
def test_a_defect_of_the_seeds_is_refused(
    model: Model, wrong: dict[str, Any], message: str, right: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError) as refused:
        changed(model, wrong)
    (error,) = refused.value.errors()
    assert error["msg"] == f"Value error, {message}"
    assert dict(changed(model, right)) == {**dict(model), **right}


@pytest.mark.parametrize(
    ("repository", "file"),
    [
        # Those of others are as they please.
        ("Qwen/Qwen2.5-7B-Instruct-GGUF", "qwen2.5-7b-instruct-q4_k_m.gguf"),
        ("TheBloke/Llama-2-7B-Chat-GGUF", "llama-2-7b-chat.Q4_K_M.gguf"),
        ("bartowski/google_gemma-3-4b-it-GGUF", "google_gemma-3-4b-it-Q4_K_M.gguf"),
        ("bartowski/google_gemma-3-4b-it-GGUF", "mmproj-google_gemma-3-4b-it-f16.gguf"),
    ],
)
def test_other_names_are_taken(repository: str, file: str) -> None:
    model = changed(CHAT, {"repository": repository, "files": gguf(file)})
    assert (model.repository, model.main_file) == (repository, file)


def test_a_gated_repository_without_a_token_is_refused_until_there_is_one(tmp_path: Path) -> None:
    """roadmap:93: the licence and the token are mentioned nowhere."""
    gated = {"repository": "meta-llama/Llama-3.1-8B-Instruct", "gated": True}
    models = Models(catalogue=(changed(FP8, gated),))
    data: dict[str, Any] = {
        "secret_store": str(tmp_path / "secrets"),
        "secret_identity": str(tmp_path / "identity"),
    }
    one = Machine("one", "192.0.2.1", ("models",), {"models": models}, data)
    assert [str(problem) for problem in secrets.not_given((one,))] == [
        "one: models: llama-3.1-8b-instruct-fp8 is gated, and the secret store has no token of the "
        "hub; accept the licence on https://huggingface.co/meta-llama/Llama-3.1-8B-Instruct, make "
        "a token on https://huggingface.co/settings/tokens that may read gated repositories, then: "
        "make secret NAME=models/hub-token GIVE=1"
    ]
    secret_store.for_data(data).put("models/hub-token", "hf_given")
    assert secrets.not_given((one,)) == []
