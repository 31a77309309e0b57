"""A sample role: vLLM with an 8B model, on whatever share of the card the seeds gave it."""

from __future__ import annotations

from pydantic import Field

from deploys.declarations import DiskClaim, GpuClaim, MemoryClaim
from deploys.settings import Settings
from deploys.topology import Machine

GIB = 1024**3


class SeedVllm(Settings):
    role = "seed_vllm"
    card: int = Field(default=0, ge=0, description="Card that it runs on")
    utilization: float = Field(default=0.8, gt=0, le=1, description="Share of the card")

    def memory(self, machine: Machine) -> tuple[MemoryClaim, ...]:
        return (MemoryClaim(16384),)

    def gpu_memory(self, machine: Machine) -> tuple[GpuClaim, ...]:
        return (
            GpuClaim(
                card=self.card,
                share_mib=machine.share_mib(self.card, self.utilization),
                weights_mib=8660,
                workspace_mib=1024,
                context_mib=400,
                sequence_tokens=16384,
                sequence_bytes=GIB,
                parallel_sequences=32,
                free_at_start=True,
            ),
        )

    def disk(self, machine: Machine) -> tuple[DiskClaim, ...]:
        return (DiskClaim("/srv/models", 10 * GIB, 10 * GIB),)
