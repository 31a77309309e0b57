"""Architecture: the numbers of a model that the memory of its cache follows from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Layers(BaseModel):
    """Layers of one model that keep their past in the same way."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    layers: int = Field(gt=0, description="how many of them")


class FullAttention(_Layers):
    """Every token keeps a key and a value for each head that has its own (MHA, GQA, MQA)."""

    kind: Literal["full"] = Field(default="full", description="how they keep the past")
    kv_heads: int = Field(gt=0, description="heads with keys and values of their own")
    head_dimension: int = Field(gt=0, description="numbers in each key and each value")

    def cache_bytes(self, tokens: int, value_bytes: float) -> int:
        return round(2 * self.layers * self.kv_heads * self.head_dimension * tokens * value_bytes)


class SlidingAttention(FullAttention):
    """As full attention, but only the last `window_tokens` are kept."""

    kind: Literal["sliding"] = Field(default="sliding", description="how they keep the past")  # type: ignore[assignment]
    window_tokens: int = Field(gt=0, description="tokens that are kept")

    def cache_bytes(self, tokens: int, value_bytes: float) -> int:
        return super().cache_bytes(min(tokens, self.window_tokens), value_bytes)


class LatentAttention(_Layers):
    """Every token keeps one compressed vector and one rotated key for all heads (MLA)."""

    kind: Literal["latent"] = Field(default="latent", description="how they keep the past")
    latent_dimension: int = Field(gt=0, description="kv_lora_rank of its config.json")
    rope_dimension: int = Field(gt=0, description="qk_rope_head_dim of its config.json")

    def cache_bytes(self, tokens: int, value_bytes: float) -> int:
        values = self.latent_dimension + self.rope_dimension
        return round(self.layers * values * tokens * value_bytes)


class RecurrentState(_Layers):
    """A state of fixed size for each sequence, whatever its length (Mamba, linear attention)."""

    kind: Literal["recurrent"] = Field(default="recurrent", description="how they keep the past")
    state_bytes: int = Field(gt=0, description="bytes of one layer's state for one sequence")

    def cache_bytes(self, tokens: int, value_bytes: float) -> int:
        return self.layers * self.state_bytes


Layers = Annotated[
    FullAttention | SlidingAttention | LatentAttention | RecurrentState,
    Field(discriminator="kind"),
]


class Architecture(BaseModel):
    """A model as its config.json describes it; without `caches` it keeps nothing (an encoder)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    context_tokens: int = Field(gt=0, description="longest sequence that it was made for")
    vocabulary: int = Field(gt=0, description="tokens that it knows")
    caches: tuple[Layers, ...] = Field(
        default=(), description="its layers by the way they keep the past"
    )

    def cache_bytes(self, tokens: int, value_bytes: float = 2) -> int:
        """Bytes that one sequence of `tokens` keeps, at `value_bytes` for each number."""
        return sum(layers.cache_bytes(tokens, value_bytes) for layers in self.caches)
