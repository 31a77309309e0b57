"""vLLM's speculation: a draft model beside the served one."""

from __future__ import annotations

import json
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Speculation(BaseModel):
    """A small model that guesses ahead on the same card; the served one checks the guesses."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(description="name in the catalogue of `models`")
    method: Literal["eagle3", "draft_model"] = Field(
        default="eagle3", description="`eagle3` for a head made for the model, else `draft_model`"
    )
    tokens: int = Field(default=3, ge=1, le=16, description="tokens guessed at a time")

    def arguments(self) -> tuple[str, ...]:
        """How `vllm serve` is told, the draft lying beside the served model."""
        stated = {
            "model": f"/models/{self.model}",
            "method": self.method,
            "num_speculative_tokens": self.tokens,
        }
        return ("--speculative-config", json.dumps(stated))
