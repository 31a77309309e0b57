"""Power: what a machine draws, as `power` in the inventory; `make budget` adds it up."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Power(BaseModel):
    """What a machine takes of its socket, measured there or taken from its parts' data sheets."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    idle_watts: int = Field(gt=0, description="what it draws while nobody asks it anything")
    peak_watts: int = Field(
        gt=0, description="the most that it ever draws, its power supply's loss included"
    )

    @model_validator(mode="after")
    def _peak_is_the_most(self) -> Self:
        if self.peak_watts < self.idle_watts:
            raise ValueError(
                f"peak_watts {self.peak_watts} is less than idle_watts {self.idle_watts}; "
                "set the most that the machine draws"
            )
        return self

    def to_json(self) -> dict[str, Any]:
        """What ``debug-inventory`` prints: plain types only."""
        return self.model_dump(mode="json")
