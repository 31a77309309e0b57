"""Arguments of tritonserver that the role cannot be given, each with the reason."""

from __future__ import annotations

from collections.abc import Mapping

from deploys import refused_arguments

_IS_SET = "is set by the role"
REFUSED: Mapping[str, str] = {
    **dict.fromkeys(
        ("--http-restricted-api", "--grpc-restricted-protocol"),
        "would show the key; the gateway checks it",
    ),
    **dict.fromkeys(
        ("--model-control-mode", "--repository-poll-secs", "--load-model"),
        "would let models change while they serve; set models",
    ),
    **dict.fromkeys(
        (
            *("--exit-on-error", "--strict-readiness"),
            *("--disable-auto-complete-config", "--strict-model-config"),
        ),
        "would hide a model that does not load",
    ),
    **dict.fromkeys(("--model-repository", "--model-store"), "is models"),
    "--http-port": "is port",
    "--metrics-port": "is metrics_port",
    **dict.fromkeys(
        ("--http-address", "--metrics-address"), "moves the server from where its users ask"
    ),
    **dict.fromkeys(("--allow-http", "--allow-metrics", "--exit-timeout-secs"), _IS_SET),
    "--allow-gpu-metrics": "follows from gpu",
    "--cuda-memory-pool-byte-size": "takes memory of the card that the budget does not count",
    **dict.fromkeys(
        ("--allow-grpc", "--grpc-port", "--allow-sagemaker", "--allow-vertex-ai"),
        "opens a port that no role declares",
    ),
}
"""Argument, and why it is not among the further ones that the role may be given."""


def allowed(arguments: tuple[str, ...]) -> tuple[str, ...]:
    """`arguments`; ValueError for the first that is refused."""
    return refused_arguments.allowed(arguments, REFUSED, _flag)


def _flag(word: str) -> str:
    name = word.partition("=")[0]
    return refused_arguments.abbreviated(name, REFUSED) or name
