"""Offer: the container images of the outside world, under the names by which hosts ask for them."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from lab import images
from lab.checkout import LAB
from lab.engine import docker
from lab.servers import dcgm_exporter, edge, llama_cpp, triton, vllm

SERVERS: dict[str, ModuleType] = {
    "vllm": vllm,
    "llama_cpp": llama_cpp,
    "edge": edge,
    "triton": triton,
    "dcgm_exporter": dcgm_exporter,
}
"""By role, whose image it is."""


def build() -> dict[str, str]:
    """The cached image of each role, built where it is missing."""
    return {role: server.build() for role, server in SERVERS.items()}


def tag(built: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Tag the images and their variants as production names them: reference by role and variant."""
    return {role: server.offer(built[role]) for role, server in SERVERS.items()}


def untag(references: Mapping[str, Mapping[str, str]]) -> None:
    docker("rmi", *(name for variants in references.values() for name in variants.values()))


def locked(
    references: Mapping[str, Mapping[str, str]], digests: Mapping[str, str]
) -> dict[str, Any]:
    """The lock's entries: `images` by role, `variants` by role and variant, with their digests."""
    pinned = {
        role: {variant: f"{name}@{digests[name]}" for variant, name in variants.items()}
        for role, variants in references.items()
    }
    return {
        "images": {role: variants.pop("current") for role, variants in pinned.items()},
        "variants": pinned,
    }


def definition(built: Mapping[str, str]) -> bytes:
    """What the offer is made from: a change of it changes the outside world's image."""
    own = images.content(LAB / "offer.py", LAB / "servers")
    return own + "\n".join(built.values()).encode()
