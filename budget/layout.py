"""Layout: how a server deals out the room for its caches, in granules of tokens."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """Room for tokens comes in granules; layers with a window keep the running batch beside it.

    `sequences` share one cache; `spare_granules` come on top of each window.
    """

    granule_tokens: int = 1
    batch_tokens: int = 0
    spare_granules: int = 0
    sequences: int = 1

    def cells(self, tokens: int) -> int:
        """Room that `tokens` take, in tokens."""
        return -(-tokens // self.granule_tokens) * self.granule_tokens

    def window_cells(self, tokens: int, window_tokens: int) -> int:
        """Room that `tokens` take of which each sequence keeps the last `window_tokens`."""
        kept = min(tokens, window_tokens * self.sequences + self.batch_tokens)
        return self.cells(kept) + self.spare_granules * self.granule_tokens


EXACT = Layout()
"""What the numbers themselves take, in no server."""


def llama_cpp(ubatch_tokens: int = 512, sequences: int = 1) -> Layout:
    """llama.cpp's; `sequences` are those of one unified cache, 1 where each slot has its own.

    Source: src/llama-kv-cache-iswa.cpp, `size_swa`.
    """
    return Layout(granule_tokens=256, batch_tokens=ubatch_tokens, sequences=sequences)


def vllm(batched_tokens: int) -> Layout:
    """vLLM's, with its default block of 16 tokens; `batched_tokens` is --max-num-batched-tokens.

    Source: vllm/v1/kv_cache_interface.py, `SlidingWindowSpec.max_memory_usage_bytes`: a window
    rarely begins where a block does, so it may need one block more.
    """
    return Layout(granule_tokens=16, batch_tokens=batched_tokens - 1, spare_granules=1)
