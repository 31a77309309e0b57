"""vLLM's arguments: which of them a configuration may add, and what to do instead of the others."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from itertools import pairwise
from pathlib import Path

from deploys import refused_arguments

LISTS = Path(__file__).parent.parent / "files" / "vllm"

_IS_DEFAULT = "is what vLLM does anyway"
_IS_SET = "is set by the role"
_PAST_THE_BUDGET = "takes memory of the card that the budget does not count"
REFUSED: Mapping[str, tuple[str, str]] = {
    "--swap-space": (
        "was removed from vLLM",
        "take it out: the cache has a fixed size, and requests wait when it is full",
    ),
    **dict.fromkeys(
        ("--speculative-model", "--num-speculative-tokens"),
        ("was removed from vLLM", "use the setting `speculation`"),
    ),
    **dict.fromkeys(
        ("--speculative-config", "--spec-method", "--spec-model", "--spec-tokens"),
        ("is set by the role", "use the setting `speculation`"),
    ),
    "--device": ("was removed from vLLM", "take it out: it finds the card itself"),
    "--disable-log-requests": ("is no longer needed", "take it out: requests are not logged"),
    "--guided-decoding-backend": ("was removed from vLLM", "use `--structured-outputs-config`"),
    "--num-scheduler-steps": ("was removed from vLLM", "take it out: nothing replaces it"),
    "--preemption-mode": ("was removed from vLLM", "take it out: it always computes anew"),
    "--disable-log-stats": (
        "takes away every `vllm:` metric, which Prometheus reads",
        "take it out",
    ),
    "--enable-chunked-prefill": (_IS_DEFAULT, "take it out"),
    "--enable-prefix-caching": (_IS_DEFAULT, "take it out"),
    **dict.fromkeys(
        ("--disable-chunked-prefill", "--no-enable-chunked-prefill"),
        ("demands a batch as long as the context, which takes the cache's memory", "take it out"),
    ),
    "--block-size": ("is chosen by vLLM for the card", "take it out"),
    "--dtype": ("is read from the checkpoint", "take it out: float16 would cut a bfloat16 model"),
    "--api-key": ("would show the key in the process list", "take it out: the role passes a file"),
    "--hf-token": ("would show a token in the process list", "take it out: models are local files"),
    "--config": ("would bring arguments past these checks", "name them in extra_arguments"),
    "--trust-remote-code": (
        "runs code of the model's repository that nobody verified",
        "choose a model that vLLM knows itself",
    ),
    **dict.fromkeys(
        ("--kv-cache-memory-bytes", "--num-gpu-blocks-override"),
        (_PAST_THE_BUDGET, "use gpu_memory_utilization"),
    ),
    "--enable-lora": (_PAST_THE_BUDGET, "take it out"),
    **dict.fromkeys(
        ("--tensor-parallel-size", "--pipeline-parallel-size", "--data-parallel-size"),
        ("wants further cards, and the role is given one", "take it out"),
    ),
    "--device-memory-utilization": (_IS_SET, "use gpu_memory_utilization"),
    "--gpu-memory-utilization": (_IS_SET, "use gpu_memory_utilization"),
    "--max-model-len": (_IS_SET, "use context_tokens"),
    "--max-num-seqs": (_IS_SET, "use max_sequences"),
    "--max-num-batched-tokens": (_IS_SET, "use batched_tokens"),
    "--kv-cache-dtype": (_IS_SET, "use kv_cache_dtype"),
    **dict.fromkeys(("--enforce-eager", "--no-enforce-eager"), (_IS_SET, "use enforce_eager")),
    **dict.fromkeys(("--model", "--served-model-name"), (_IS_SET, "use model")),
    **dict.fromkeys(
        ("--host", "--port", "--uds", "--headless", "--grpc", "--root-path"),
        ("moves the server away from where its users ask", "take it out"),
    ),
    **dict.fromkeys(
        ("--ssl-keyfile", "--ssl-certfile"),
        ("makes the server speak TLS, which the gateway does", "take it out"),
    ),
}
"""Argument of `vllm serve`, why it is not among the further ones, and what to do instead."""


def complaint(arguments: tuple[str, ...], version: str) -> str:
    """Why vLLM `version` shall not be given `arguments`, with the way out; empty if it may."""
    complaints = (_about_words(arguments), *(_about(word, version) for word in arguments))
    return next((found for found in complaints if found), "")


def flag(word: str) -> str:
    """The argument that a word names, as vLLM reads it: `--a_b.c=1` is `--a-b`; empty for values.

    vllm/utils/argparse_utils.py: dashes and underscores are the same, a dot sets one key of JSON.
    """
    if not word.startswith("--"):
        return ""
    return word.partition("=")[0].partition(".")[0].replace("_", "-")


def values(arguments: tuple[str, ...], name: str) -> list[str]:
    """What `arguments` give to the argument `name`, as one word or as two."""
    joined = [word.partition("=")[2] for word in arguments if "=" in word and flag(word) == name]
    pairs = pairwise(arguments)
    return joined + [after for word, after in pairs if "=" not in word and flag(word) == name]


def _about_words(arguments: tuple[str, ...]) -> str:
    if arguments and not arguments[0].startswith("-"):
        return (
            f"`{arguments[0]}` is no argument: the image's entry point is `vllm serve` already; "
            "name arguments only, such as `--seed`, `1`"
        )
    return ""


def _about(word: str, version: str) -> str:
    if word.startswith("-") and word[1:2].isalpha():
        return f"`{word}` is a short form, which cannot be checked; write the long one"
    if not (name := flag(word)):
        return ""
    if " " in word.partition("=")[0]:
        first, _, rest = word.partition(" ")
        return f"`{word}` is one word; write two: `{first}`, `{rest}`"
    known = listed(version)
    if refused := name if name in REFUSED else _abbreviated(name, known):
        what, remedy = REFUSED[refused]
        return f"`{name}` {what}; {remedy}"
    if known and name not in known:
        near = " or ".join(f"`{match}`" for match in get_close_matches(name, known, n=2))
        remedy = f"did you mean {near}?" if near else "take it out"
        return f"vLLM {version} has no argument `{name}`; {remedy}"
    return ""


def _abbreviated(name: str, known: frozenset[str]) -> str:
    """The refused argument that argparse would take `name` for."""
    return "" if name in known else refused_arguments.abbreviated(name, REFUSED)


@cache
def listed(version: str) -> frozenset[str]:
    """The arguments that this version has; empty where nobody recorded them."""
    path = LISTS / f"flags-{version}.txt"
    return frozenset(path.read_text().split()) if path.exists() else frozenset()
