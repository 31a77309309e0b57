"""vLLM: a chat model on a graphics card, behind an API like OpenAI's, in one hardened container.

Listens on `port` of the host's address, for the gateway and Prometheus alone: below /v1 it asks
for a key, on /invocations, /tokenize and others for none (docs/usage/security.md of vLLM 0.33).
Keeps compiled kernels in `CACHE`; the model is the `models` role's, the API key the secret store's.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator
from pyinfra import host
from pyinfra.api.deploy import deploy
from pyinfra.operations import files

import secret_store
from deploys import vllm_arguments, vllm_image, vllm_memory, vllm_models, vllm_variables
from deploys.catalogue import Model
from deploys.declarations import Conflict, GpuClaim, MemoryClaim, Port, Route, Scrape
from deploys.models import Models, held_by
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from deploys.vllm_image import VllmImage
from deploys.vllm_speculation import Speculation
from deploys.vllm_stack import CACHE, INNER_PORT, PROJECT, SERVICE, entries, steps
from operations import compose

API_KEY = "vllm/api-key"
CHECK_MIB = 4096
"""Enough to import vLLM and read arguments, without a model."""


class Vllm(Settings):
    """Which model is served by which version, and what it may take of card and host."""

    role: ClassVar[str] = "vllm"
    requires: ClassVar[tuple[str, ...]] = ("nvidia", "docker", "models")

    image: VllmImage = Field(description="`name:tag`, with `@sha256:digest` where it is known")
    model: str = Field(description="name in the catalogue of `models`; clients ask for it so")
    port: int = Field(default=8000, ge=1, le=65535, description="port on the host's address")
    card: int = Field(default=0, ge=0, description="the graphics card, in nvidia-smi's order")
    gpu_memory_utilization: float = Field(
        default=0.80, gt=0, le=0.95, description="share of the card's memory that it fills"
    )
    context_tokens: int = Field(
        default=16_384, ge=256, description="longest sequence, prompt and answer together"
    )
    max_sequences: int = Field(
        default=32, ge=1, le=1024, description="requests computed at once; others wait"
    )
    batched_tokens: int = Field(
        default=4096, ge=64, description="tokens computed in one step; more make prompts faster"
    )
    kv_cache_dtype: Literal["auto", "fp8"] = Field(
        default="auto",
        description="`fp8` keeps twice the tokens; its scales are not calibrated: test the answers",
    )
    enforce_eager: bool = Field(
        default=False, description="without CUDA graphs: less memory, slower answers"
    )
    speculation: Speculation | None = Field(
        default=None, description="a draft model on the same card; its memory is the cache's loss"
    )
    memory_limit_mib: int = Field(default=16_384, ge=1024, description="memory of the container")
    shared_memory_mib: int = Field(
        default=2048, ge=64, description="/dev/shm, where its processes exchange data; counts too"
    )
    start_seconds: int = Field(
        default=900, ge=5, description="time to load and compile before it counts as failed"
    )
    environment: dict[str, str] = Field(
        default={}, description="variables of vLLM, such as VLLM_LOGGING_LEVEL"
    )
    extra_arguments: tuple[str, ...] = Field(
        default=(), description="further arguments of `vllm serve`, such as `--seed`, `1`"
    )

    @field_validator("extra_arguments", mode="before")
    @classmethod
    def _are_words(cls, arguments: Any) -> Any:
        if isinstance(arguments, str):
            raise ValueError(
                "extra_arguments is a command line, and nothing splits it: the image's entry point "
                "is `vllm serve`; give a tuple of its arguments, such as (`--seed`, `1`)"
            )
        return arguments

    @field_validator("environment")
    @classmethod
    def _are_harmless(cls, environment: dict[str, str]) -> dict[str, str]:
        if complaint := vllm_variables.complaint(environment):
            raise ValueError(complaint)
        return environment

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        if complaint := vllm_arguments.complaint(self.extra_arguments, self.version):
            raise ValueError(complaint)
        if self.batched_tokens < self.max_sequences:
            raise ValueError(
                f"batched_tokens ({self.batched_tokens}) are fewer than max_sequences "
                f"({self.max_sequences}), and each sequence needs one in each step; raise "
                f"batched_tokens to {self.max_sequences} at least"
            )
        if self.shared_memory_mib >= self.memory_limit_mib:
            raise ValueError(
                f"shared_memory_mib ({self.shared_memory_mib}) leaves nothing of memory_limit_mib "
                f"({self.memory_limit_mib}); lower it"
            )
        return self

    @property
    def version(self) -> str:
        """The vLLM in the image, by its tag: `0.33.0`."""
        return vllm_image.version(self.image)

    def ports(self) -> tuple[Port, ...]:
        reachable_from = ("nginx", "prometheus")
        return (Port(self.port, "model API", reachable_from, published_by_container=True),)

    def scrapes(self) -> tuple[Scrape, ...]:
        return (Scrape("vllm", self.port),)

    def route(self) -> Route:
        return Route(self.port, "vLLM")

    def secrets(self) -> tuple[str, ...]:
        return (API_KEY,)

    def memory(self, machine: Machine) -> tuple[MemoryClaim, ...]:
        """The limit, and that of the check beside the old server."""
        return (MemoryClaim(self.memory_limit_mib + self.check_mib),)

    @property
    def check_mib(self) -> int:
        """Memory of the container that reads changed arguments while the old server serves."""
        return min(CHECK_MIB, self.memory_limit_mib)

    def gpu_memory(self, machine: Machine) -> tuple[GpuClaim, ...]:
        """What the server takes of its card; nothing where the model is not known."""
        models = self.loaded(machine)
        if not models:
            return ()
        return (
            vllm_memory.claim(
                self.card,
                machine.share_mib(self.card, self.gpu_memory_utilization),
                models,
                batched_tokens=self.batched_tokens,
                sequences=self.max_sequences,
                context_tokens=self.context_tokens,
                value_bytes=1 if self.kv_cache_dtype == "fp8" else 2,
                has_graphs=not self.enforce_eager,
            ),
        )

    def loaded(self, machine: Machine) -> tuple[Model, ...]:
        """The served model and then its draft; empty where `machine` does not hold them."""
        held = {model.name: model for model in held_by(machine)}
        return tuple(map(held.__getitem__, self.names)) if held.keys() >= set(self.names) else ()

    @property
    def names(self) -> tuple[str, ...]:
        """The models that it loads: the served one, then its draft."""
        return (self.model, *((self.speculation.model,) if self.speculation else ()))

    def conflicts(self, machine: Machine, topology: Topology) -> tuple[Conflict, ...]:
        """What the server would refuse only once the old one is gone."""
        models = self.loaded(machine)
        if not models:
            return tuple(vllm_models.missing(self.names, machine))
        methods = vllm_arguments.values(self.extra_arguments, "--quantization")
        return tuple(vllm_models.unfit(models, self.context_tokens, methods))

    def arguments(self, model: Model) -> tuple[str, ...]:
        """What follows `vllm serve`, as it stands in the container."""
        return (
            *(f"/models/{model.name}", "--served-model-name", model.name),
            *("--port", str(INNER_PORT)),
            *("--gpu-memory-utilization", str(self.gpu_memory_utilization)),
            *("--max-model-len", str(self.context_tokens)),
            *("--max-num-seqs", str(self.max_sequences)),
            *("--max-num-batched-tokens", str(self.batched_tokens)),
            *("--kv-cache-dtype", self.kv_cache_dtype),
            *(["--enforce-eager"] if self.enforce_eager else []),
            *(self.speculation.arguments() if self.speculation else ()),
            *("--disable-access-log-for-endpoints", "/health,/metrics"),
            "--disable-fastapi-docs",
            *self.extra_arguments,
        )


@deploy("vLLM")
def install() -> None:
    settings, models = Vllm.of(host), Models.of(host)
    loaded = [models.named(name) for name in settings.names]
    folders = {model.name: models.folder(model) for model in loaded}
    address = str(host.data.ssh_hostname)
    key = secret_store.for_data(host.data).get(API_KEY).get_secret_value()
    compose.stack(
        name="Run the server",
        project=PROJECT,
        images={SERVICE: settings.image},
        entries=entries(settings, loaded, folders, address, key),
        steps=steps(settings, loaded[0], address),
        wait_seconds=settings.start_seconds,
    )


@deploy("Remove vLLM")
def remove() -> None:
    """Take the server off, and what it compiled; the models stay."""
    compose.removed(name="Remove the server", project=PROJECT)
    files.directory(name="Remove what it compiled", path=CACHE, present=False)
