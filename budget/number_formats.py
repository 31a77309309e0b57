"""Number formats: how many bytes servers take for one number of a cache."""

from __future__ import annotations

from collections.abc import Mapping

# ggml's q formats store 32 numbers in a block with its scale (ggml/src/ggml-common.h).
NUMBER_BYTES: Mapping[str, float] = {
    "f32": 4,
    "f16": 2,
    "bf16": 2,
    **dict.fromkeys(("fp8", "fp8_e4m3", "fp8_e5m2"), 1),
    "q8_0": 34 / 32,
    "q5_1": 24 / 32,
    "q5_0": 22 / 32,
    "q4_1": 20 / 32,
    "q4_0": 18 / 32,
    "iq4_nl": 18 / 32,
}


def number_bytes(name: str) -> float:
    """Bytes of one number in the format `name`; ValueError where it is not known."""
    if name not in NUMBER_BYTES:
        raise ValueError(f"`{name}` is no known number format; known are {', '.join(NUMBER_BYTES)}")
    return NUMBER_BYTES[name]
