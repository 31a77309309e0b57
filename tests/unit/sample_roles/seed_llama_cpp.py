"""A sample role: llama.cpp with the port that the first plan of this product gave it."""

from __future__ import annotations

from pydantic import Field

from deploys.declarations import Port
from deploys.settings import Settings


class SeedLlamaCpp(Settings):
    role = "seed_llama_cpp"
    port: int = Field(default=8003, ge=1, le=65535, description="API and metrics")

    def ports(self) -> tuple[Port, ...]:
        return (Port(self.port, "API", ("seed_llama_cpp",)),)

    def secrets(self) -> tuple[str, ...]:
        return ("seed_llama_cpp/api-key",)
