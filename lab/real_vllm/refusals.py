"""Refusals: command lines that `vllm serve` must not start with, and its last words about them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from lab.real_vllm.models import EMPTY
from lab.real_vllm.server import Program, ended

PROCESS = re.compile(r"^\((?:APIServer|EngineCore)[^)]*\) ", re.MULTILINE)
ERROR = re.compile(r"^(?:vllm\S*(?: \w+)?: error: |[\w.]+(?:Error|Exception): )", re.MULTILINE)
DETAILS = re.compile(
    r" \[type=\w+, input_value=.*?\]\n|^ *For further information visit .*\n?", re.M
)
VALUES = re.compile(r"\(choose from .*|could match .*")


def cases(model: str, context_tokens: int) -> Mapping[str, tuple[str, ...]]:
    """What follows `vllm serve`, by name; the model has `context_tokens` at most."""
    folder = f"/models/{model}"
    return {
        "a removed argument": (folder, "--swap-space", "4"),
        "the start of a name that several have": (folder, "--device", "cuda"),
        "a number that is none": (folder, "--max-num-seqs", "many"),
        "a size that is none": (folder, "--max-num-batched-tokens", "many"),
        "an unknown choice": (folder, "--kv-cache-dtype", "int3"),
        "a context longer than the model's": (
            *(folder, "--max-model-len", str(context_tokens * 2)),
        ),
        "another quantization than the model's": (folder, "--quantization", "fp8"),
        "fewer tokens in a step than sequences": (
            *(folder, "--max-num-batched-tokens", "16", "--max-num-seqs", "32"),
        ),
        "a folder that is not there": ("/models/absent",),
        "a folder without a model": (f"/models/{EMPTY}",),
    }


def ask_all(program: Program, model: str, context_tokens: int) -> dict[str, dict[str, object]]:
    """Exit status and last words for each of the cases."""
    return {
        f"refusal: {name}": _answer(program, arguments)
        for name, arguments in cases(model, context_tokens).items()
    }


def _answer(program: Program, arguments: Sequence[str]) -> dict[str, object]:
    status, log = ended(program, arguments)
    return {"exit": status, "says": last_words(log)}


def last_words(log: str) -> str:
    """The last error in a log, without which process said it and pydantic's own remarks."""
    text = DETAILS.sub("\n", PROCESS.sub("", log)).replace("\r", "")
    starts = [found.start() for found in ERROR.finditer(text)]
    if not starts:
        return ""
    words = text[starts[-1] :].strip()
    return VALUES.sub("…", "\n".join(line.rstrip() for line in words.splitlines() if line.strip()))
