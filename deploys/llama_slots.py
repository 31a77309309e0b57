"""Slots of llama-server: in which portions llama.cpp deals context out to them."""

from __future__ import annotations

SLOT_GRANULE_TOKENS = 256


def whole_slots(tokens: int) -> int:
    """`tokens` if llama.cpp deals context out in such portions; ValueError with the next one."""
    if tokens % SLOT_GRANULE_TOKENS:
        next_whole = (tokens // SLOT_GRANULE_TOKENS + 1) * SLOT_GRANULE_TOKENS
        raise ValueError(
            f"{tokens} is not a multiple of {SLOT_GRANULE_TOKENS}, in which llama.cpp deals "
            f"context out; use {next_whole}"
        )
    return tokens
