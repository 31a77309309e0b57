"""Arguments: the command line of `vllm serve`, read by the recorded list of its names.

Only names are recorded. Types and choices are checked of those that change what the stand-in does;
every other takes no value or any one.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parent.parent / "vllm"
CACHE_TYPES = ("auto", "float16", "bfloat16", "fp8", "fp8_e4m3", "fp8_e5m2", "fp8_ds_mla")
MULTIPLES = {"k": 10**3, "m": 10**6, "g": 10**9, "K": 2**10, "M": 2**20, "G": 2**30}
SWITCHES = re.compile(r"--(enable|disable|no)-|--(enforce-eager|trust-remote-code|headless|grpc)$")


def flags(without: Sequence[str] = ()) -> tuple[str, ...]:
    """The recorded names, but for those `without` which another version is played."""
    names = (RECORDED / "flags-0.33.0.txt").read_text().split()
    return tuple(name for name in names if name not in {*without, "--help"})


def parse(argv: Sequence[str], version: str, without: Sequence[str] = ()) -> argparse.Namespace:
    """The arguments after `vllm`; ends the process as argparse does, with status 2."""
    top = argparse.ArgumentParser(prog="vllm")
    top.add_argument("-v", "--version", action="version", version=version)
    commands = top.add_subparsers(dest="subparser", required=True)
    serve = commands.add_parser("serve", usage="vllm serve [model_tag] [options]")
    serve.add_argument("model_tag", nargs="?")
    for name in flags(without):
        serve.add_argument(name, **_kind(name))
    return top.parse_args([_as_vllm_reads(word) for word in argv])


def _kind(name: str) -> dict[str, Any]:
    known: dict[str, dict[str, Any]] = {
        "--model": {},
        "--port": {"type": int, "default": 8000},
        "--max-model-len": {"type": human_readable_int_or_auto},
        "--max-num-batched-tokens": {"type": human_readable_int, "default": 2048},
        "--max-num-seqs": {"type": int, "default": 256},
        "--gpu-memory-utilization": {"type": float, "default": 0.92},
        "--kv-cache-dtype": {"choices": CACHE_TYPES, "default": "auto"},
        "--quantization": {},
        "--served-model-name": {"nargs": "+"},
        "--api-key": {"nargs": "+"},
        "--speculative-config": {"type": _json},
        "--disable-access-log-for-endpoints": {"default": ""},
    }
    if name in known:
        return known[name]
    return {"action": "store_true"} if SWITCHES.match(name) else {"nargs": "?"}


def _as_vllm_reads(word: str) -> str:
    """Underscores are dashes, and `--name.key` sets one key of a JSON argument."""
    if not word.startswith("--"):
        return word
    name, equals, value = word.partition("=")
    return name.partition(".")[0].replace("_", "-") + equals + value


def human_readable_int(text: str) -> int:
    """`16k` is 16,000 and `16K` 16,384; argparse says the function's name when it refuses."""
    found = re.fullmatch(r"(\d+)([kmgKMG]?)", text)
    if found is None:
        raise ValueError
    return int(found[1]) * MULTIPLES.get(found[2], 1)


def human_readable_int_or_auto(text: str) -> int | None:
    """The same; `auto` and `-1` leave the choice to vLLM."""
    return None if text in ("auto", "-1") else human_readable_int(text)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"Value {text} cannot be converted to {json.loads}."
        ) from error
