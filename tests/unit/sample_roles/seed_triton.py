"""A sample role: Triton, which the first plan of this product gave llama.cpp's port."""

from __future__ import annotations

from pydantic import Field

from deploys.declarations import Port
from deploys.settings import Settings


class SeedTriton(Settings):
    role = "seed_triton"
    metrics_port: int = Field(default=8012, ge=1, le=65535, description="Metrics")

    def ports(self) -> tuple[Port, ...]:
        return (Port(self.metrics_port, "metrics", ("seed_triton",)),)
