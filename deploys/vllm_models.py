"""vLLM's models: what keeps vLLM from serving one that is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from deploys.catalogue import Model
from deploys.declarations import Conflict
from deploys.models import held_by
from deploys.topology import Machine


def missing(names: Sequence[str], machine: Machine) -> list[Conflict]:
    """Those of `names` that `machine` does not have, with the close matches."""
    there = [model.name for model in held_by(machine)]
    return [_not_held(name, there) for name in names if there and name not in there]


def _not_held(name: str, there: list[str]) -> Conflict:
    near = get_close_matches(name, there) or there
    what = f"its models do not include `{name}`; there is {' and '.join(near)}"
    return Conflict(what, f"name one of them, or give it `{name}` in group_data/models.py")


def unfit(
    models: Sequence[Model], context_tokens: int, quantization: Sequence[str]
) -> list[Conflict]:
    """What keeps vLLM from serving the first of `models` with the others as its drafts.

    `quantization` has the methods that the command line asks for.
    """
    served, *drafts = models
    conflicts = [_gguf(model) for model in models if model.format == "gguf"]
    conflicts += _too_long(served, context_tokens)
    if served.quantization:
        conflicts += [_quantised_twice(served, method) for method in quantization]
    vocabulary = served.architecture.vocabulary
    others = [draft for draft in drafts if draft.architecture.vocabulary != vocabulary]
    return conflicts + [_foreign_draft(draft, served) for draft in others]


def _gguf(model: Model) -> Conflict:
    what = f"`{model.name}` is a GGUF file, and vLLM's image has no plugin that reads it"
    return Conflict(what, "serve it with llama_cpp, or give vLLM a model of safetensors files")


def _too_long(served: Model, context_tokens: int) -> list[Conflict]:
    longest = served.architecture.context_tokens
    if context_tokens <= longest:
        return []
    what = f"context_tokens ({context_tokens}) are more than `{served.name}` was made for"
    return [Conflict(what, f"set context_tokens to {longest} at most")]


def _quantised_twice(served: Model, method: str) -> Conflict:
    what = (
        f"`--quantization {method}` contradicts the files of `{served.name}`, "
        f"which are quantised already ({served.quantization})"
    )
    return Conflict(what, "take it out; vLLM reads the method from the checkpoint")


def _foreign_draft(draft: Model, served: Model) -> Conflict:
    what = (
        f"the draft `{draft.name}` has a vocabulary of {draft.architecture.vocabulary} tokens, "
        f"`{served.name}` one of {served.architecture.vocabulary}"
    )
    return Conflict(what, "choose a draft that was made for it, or take `speculation` out")
