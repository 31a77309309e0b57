"""Arguments of llama-server that a role cannot be given, each with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from deploys import refused_arguments

_IS_SET = "is set by the role"
_OPENS = "opens the host to whoever reaches the port"
_FETCHES = "fetches another model; the role serves `model`"
_NOT_RECKONED = "loads a further file, which no memory is reckoned for"
_ON_PROCESSOR = "is for graphics cards; this role works on the processor"
REFUSED: Mapping[str, str] = {
    **dict.fromkeys(("--mlock", "--no-mmap", "--mmap"), "was removed; use --load-mode"),
    **dict.fromkeys(
        ("--draft", "--draft-n", "--draft-max", "--draft-min", "--draft-n-min"),
        "was removed; use --spec-draft-n-max",
    ),
    "--log-disable": "takes away the log that a failed start is explained by",
    **dict.fromkeys(("--api-key", "--api-key-file"), "would show the key; the role passes a file"),
    **dict.fromkeys(("-hft", "--hf-token"), "would show a token in the process list"),
    **dict.fromkeys(
        ("--ssl-key-file", "--ssl-cert-file"), "makes the server speak TLS, which the gateway does"
    ),
    "--api-prefix": "moves the server from where its users ask",
    **dict.fromkeys(("-md", "--model-draft", "--spec-draft-model"), _NOT_RECKONED),
    **dict.fromkeys(("-mm", "--mmproj", "--lora", "--lora-scaled"), _NOT_RECKONED),
    **dict.fromkeys(("--tools", "--agent", "-ag", "--ui-mcp-proxy", "--rpc"), _OPENS),
    **dict.fromkeys(("--mcp-servers-config", "--mcp-servers-json", "--webui-mcp-proxy"), _OPENS),
    **dict.fromkeys(("--sleep-idle-seconds", "--props"), _OPENS),
    **dict.fromkeys(("-np", "--parallel"), "is parallel_sequences"),
    **dict.fromkeys(("-t", "--threads"), "is threads"),
    **dict.fromkeys(("-tb", "--threads-batch"), "follows threads by itself"),
    **dict.fromkeys(("-m", "--model", "-a", "--alias"), "is model"),
    **dict.fromkeys(("-hf", "-hfr", "--hf-repo", "-hff", "--hf-file"), _FETCHES),
    **dict.fromkeys(
        ("-mu", "--model-url", "-mmu", "--mmproj-url", "-dr", "--docker-repo", "--models-dir"),
        _FETCHES,
    ),
    **dict.fromkeys(("-ngl", "--gpu-layers", "--n-gpu-layers", "-dev", "--device"), _ON_PROCESSOR),
    **dict.fromkeys(("--host", "--port", "--metrics", "--offline", "--no-slots"), _IS_SET),
}
"""Argument, and why it is not among the further ones that a role may be given."""


def allowed(arguments: tuple[str, ...], of_role: Mapping[str, str]) -> tuple[str, ...]:
    """`arguments`; ValueError for the first that is refused, here or `of_role`."""
    refused_arguments.allowed(arguments, {**REFUSED, **of_role}, _canonical)
    for argument, mode in pairwise(arguments):
        if _canonical(argument) in ("-lm", "--load-mode") and "mlock" in mode:
            raise ValueError(
                f"`--load-mode {mode}` needs the right to lock memory, which the container does "
                "not have; take it out"
            )
    return arguments


def _canonical(argument: str) -> str:
    """The flag that llama-server takes `argument` for: in long ones it reads `_` as `-`."""
    flag = argument.partition("=")[0]
    return flag.replace("_", "-") if flag.startswith("--") else flag
