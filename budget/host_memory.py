"""Host memory: the limits of all containers against what is built in, and what a server needs."""

from __future__ import annotations

from budget.amounts import Part, Resource, mib
from deploys.topology import Machine

PROCESS_MIB = 256
"""A server without its model: code, threads, requests and answers."""
F32_BYTES = 4


def resource(machine: Machine) -> Resource | None:
    """The main memory of `machine` and who may take of it; None where it is not known."""
    hardware = machine.hardware
    if hardware is None:
        return None
    limits = (
        Part(role, "memory limit", claim.mib)
        for role, settings in machine.settings.items()
        for claim in settings.memory(machine)
    )
    system = Part("", "system", hardware.system_gib * 1024)
    return Resource("memory", hardware.memory_gib * 1024, (system, *limits))


def needs(
    weights_bytes: int,
    cache_bytes: int = 0,
    *,
    vocabulary: int = 0,
    ubatch_tokens: int = 512,
    prompt_cache_mib: int = 0,
    workspace_bytes: int = 0,
    process_mib: int = PROCESS_MIB,
) -> dict[str, int]:
    """What a container must hold that serves a model on the processor, in MiB by what for.

    `weights_bytes` count though they are mapped from a file: with less, each token reads the disk.
    `cache_bytes` are those of all slots together. A server of completions makes room for the
    scores of its whole `vocabulary` for each of `ubatch_tokens`; one of embeddings has a
    workspace for the texts of a batch instead.
    """
    found = {
        "weights": mib(weights_bytes),
        "KV cache": mib(cache_bytes),
        "kept prompts": prompt_cache_mib,
        "scores": mib(vocabulary * ubatch_tokens * F32_BYTES),
        "workspace": mib(workspace_bytes),
        "process": process_mib,
    }
    return {what: taken for what, taken in found.items() if taken}
