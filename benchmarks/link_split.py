"""Splitting a model over the link: what a token takes then, beside the faster machine alone.

Sums, not measurements, but for the link's own part. A token reads every weight once, so a machine's
time for it is at least the weights' bytes by its memory's bandwidth; layers wait for one another.
"""

from __future__ import annotations

from dataclasses import dataclass

JETSON_GB_S = 102
"""LPDDR5 of the Jetson Orin Nano Super (NVIDIA's data sheet)."""


@dataclass(frozen=True)
class Split:
    """A model on the desktop, at `bandwidth_gb_s` of the memory that holds it there."""

    model: str
    weights_gb: float
    memory: str
    bandwidth_gb_s: float

    @property
    def alone_ms(self) -> float:
        """The least that a token takes on the desktop alone."""
        return 1000 * self.weights_gb / self.bandwidth_gb_s

    def shared_ms(self, share: float, link_ms: float) -> float:
        """With that share of the layers on the Jetson, and one round trip for each token."""
        there = 1000 * share * self.weights_gb / JETSON_GB_S
        return (1 - share) * self.alone_ms + there + link_ms


SPLITS = (
    Split("Llama 3.1 8B, FP8", 8.5, "RTX 5070 Ti", 896),
    Split("Llama 3.2 3B, Q4", 2.02, "DDR5-5600, two channels", 85),
)
