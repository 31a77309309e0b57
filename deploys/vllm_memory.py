"""vLLM's memory: what one server takes of a graphics card, from its settings and its model.

Measured parts are those of start-up logs of vLLM 0.22 to 0.33 with models of 7 to 9 billion
parameters; with larger ones they are larger.
"""

from __future__ import annotations

from budget.amounts import mib
from budget.layout import vllm as vllm_layout
from deploys.catalogue import Model
from deploys.declarations import GpuClaim

CONTEXT_MIB = 400
"""CUDA's own context and libraries. Logs name 0.1 to 0.6 GiB, growing with the card's cores."""
GRAPHS_MIB = 512
"""CUDA graphs, unless enforce_eager. Logs name 0.33 to 0.51 GiB."""
ACTIVATION_BYTES_PER_TOKEN = 128 * 1024
"""Values of one token between two layers: Llama 3.1 8B keeps about 59,000 of two bytes each."""
LOGIT_COPIES = 4
"""Of the vocabulary's probabilities in float32, which sampling keeps for each sequence."""


def claim(
    card: int,
    share_mib: int,
    models: tuple[Model, ...],
    *,
    batched_tokens: int,
    sequences: int,
    context_tokens: int,
    value_bytes: int,
    has_graphs: bool,
) -> GpuClaim:
    """The claim of one server for `models` (the served one, then its draft) on `card`.

    vLLM fills its share with cache at start, and does not start where less of it is free.
    """
    served, layout = models[0], vllm_layout(batched_tokens)
    activations = batched_tokens * ACTIVATION_BYTES_PER_TOKEN
    logits = sequences * served.architecture.vocabulary * 4 * LOGIT_COPIES
    return GpuClaim(
        card=card,
        share_mib=share_mib,
        weights_mib=mib(sum(model.weights_bytes for model in models)),
        workspace_mib=mib(activations + logits) + (GRAPHS_MIB if has_graphs else 0),
        context_mib=CONTEXT_MIB,
        sequence_tokens=context_tokens,
        sequence_bytes=sum(
            model.architecture.cache_bytes(context_tokens, value_bytes, layout) for model in models
        ),
        parallel_sequences=sequences,
        free_at_start=True,
    )
