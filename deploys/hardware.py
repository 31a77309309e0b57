"""Hardware: what a host has, as `hardware` in the inventory; verify compares it with the host."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Gpu(BaseModel):
    """A graphics card."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="as nvidia-smi calls it")
    memory_mib: int = Field(gt=0, description="its memory, as nvidia-smi counts it")
    unusable_mib: int = Field(
        default=450, ge=0, description="what the driver and the firmware keep of it"
    )
    display_mib: int = Field(
        default=0, ge=0, description="what a desktop session on it takes; 0: no monitor"
    )

    @property
    def visible_mib(self) -> int:
        """What CUDA calls its total memory: servers take their share as a fraction of this."""
        return self.memory_mib - self.unusable_mib

    @property
    def usable_mib(self) -> int:
        """What programs may share among themselves."""
        return self.visible_mib - self.display_mib


class Hardware(BaseModel):
    """A machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    physical_cores: int = Field(gt=0, description="cores, hyper-threads not counted")
    memory_gib: int = Field(gt=0, description="memory that is built in")
    system_gib: int = Field(
        default=6,
        ge=0,
        description="what the firmware (about 2 %), the system and services without a memory "
        "limit keep of it",
    )
    disk_gib: int = Field(gt=0, description="size of the file system that holds the models")
    gpus: tuple[Gpu, ...] = Field(default=(), description="graphics cards, in nvidia-smi's order")

    def to_json(self) -> dict[str, Any]:
        """What ``debug-inventory`` prints: plain types only."""
        return self.model_dump(mode="json")
