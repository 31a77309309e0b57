"""Architecture: the numbers of a model that the memory of its cache follows from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from budget.layout import EXACT, Layout


class _Layers(BaseModel):
    """Layers of one model that keep their past in the same way."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    layers: int = Field(gt=0, description="how many of them")


class _Heads(_Layers):
    """Layers that keep a key and a value of each head that has its own (MHA, GQA, MQA)."""

    kv_heads: int = Field(gt=0, description="heads with keys and values of their own")
    head_dimension: int = Field(gt=0, description="numbers in each key and each value")

    def _bytes(self, cells: int, value_bytes: float) -> int:
        return round(2 * self.layers * self.kv_heads * self.head_dimension * cells * value_bytes)


class FullAttention(_Heads):
    """Every token is kept."""

    kind: Literal["full"] = Field(default="full", description="how they keep the past")

    def cache_bytes(self, tokens: int, value_bytes: float, layout: Layout = EXACT) -> int:
        return self._bytes(layout.cells(tokens), value_bytes)


class SlidingAttention(_Heads):
    """Only the last `window_tokens` are kept, and what the layout adds to them."""

    kind: Literal["sliding"] = Field(default="sliding", description="how they keep the past")
    window_tokens: int = Field(gt=0, description="tokens that are kept")

    def cache_bytes(self, tokens: int, value_bytes: float, layout: Layout = EXACT) -> int:
        return self._bytes(layout.window_cells(tokens, self.window_tokens), value_bytes)


class LatentAttention(_Layers):
    """Every token keeps one compressed vector and one rotated key for all heads (MLA)."""

    kind: Literal["latent"] = Field(default="latent", description="how they keep the past")
    latent_dimension: int = Field(gt=0, description="kv_lora_rank of its config.json")
    rope_dimension: int = Field(gt=0, description="qk_rope_head_dim of its config.json")

    def cache_bytes(self, tokens: int, value_bytes: float, layout: Layout = EXACT) -> int:
        values = self.latent_dimension + self.rope_dimension
        return round(self.layers * values * layout.cells(tokens) * value_bytes)


class RecurrentState(_Layers):
    """A state of fixed size for each sequence, whatever its length (Mamba, linear attention).

    Servers keep it in a format of its own, mostly f32, whatever that of the cache is.
    """

    kind: Literal["recurrent"] = Field(default="recurrent", description="how they keep the past")
    state_bytes: int = Field(gt=0, description="bytes of one layer's state for one sequence")

    def cache_bytes(self, tokens: int, value_bytes: float, layout: Layout = EXACT) -> int:
        return self.layers * self.state_bytes * layout.sequences


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

    def cache_bytes(self, tokens: int, value_bytes: float = 2, layout: Layout = EXACT) -> int:
        """Bytes that `tokens` of one cache take, at `value_bytes` for each number.

        They are one sequence; or, where the layout has several, all that those share.
        """
        return sum(layers.cache_bytes(tokens, value_bytes, layout) for layers in self.caches)
