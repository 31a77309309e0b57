"""Triton: small models of any kind behind one inference API, in one hardened container.

Listens on `port` of the host's address for the gateway, and on `metrics_port` for Prometheus;
gRPC is off. Triton takes a key on its command line only, where everybody on the host could read
it, so the gateway asks for the key `triton/api-key`, and nobody else reaches the port. Keeps no
data: the models come from `files/triton/models`.
"""

from __future__ import annotations

import re
from typing import ClassVar, Self

from pydantic import Field, field_validator, model_validator
from pyinfra import host
from pyinfra.api.deploy import deploy

from deploys import triton_arguments, triton_release
from deploys.declarations import Conflict, GpuClaim, MemoryClaim, Port, Route, Scrape
from deploys.model_repository import known_models, refuse_unfit
from deploys.nvidia import Nvidia
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from deploys.triton_release import NEWEST_FOR_DRIVER, NEXT_DRIVER_BRANCH, TritonImage
from deploys.triton_stack import PROJECT, SERVICE, entries, steps
from operations import compose

API_KEY = "triton/api-key"
CUDA_POOL_MIB = 64
"""Triton's own buffer on each card (--cuda-memory-pool-byte-size)."""

_SET_BY_ROLE = {"HOME": "take it out", "NVIDIA_VISIBLE_DEVICES": "use gpu and card"}
_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD")

# Triton has no switch for these APIs. Behind a header whose value no client is given they are off;
# with shared memory a client could reach that of the Python backend itself (CVE-2025-23319).
START = (
    'exec tritonserver "$@" --http-restricted-api='
    "shared-memory,model-repository,trace,logging:closed="
    '$(od -An -tx1 -N32 /dev/urandom | tr -d " \\n")'
)


class Triton(Settings):
    """Which models are served by which release, and what they may take of the host."""

    role: ClassVar[str] = "triton"
    requires: ClassVar[tuple[str, ...]] = ("docker",)

    image: TritonImage = Field(description="a `YY.MM-py3` release: server, backends and Python")
    models: tuple[str, ...] = Field(
        default=("digits",), description="folders of files/triton/models; clients ask for them so"
    )
    port: int = Field(default=8010, ge=1, le=65535, description="inference API, over HTTP")
    metrics_port: int = Field(default=8012, ge=1, le=65535, description="metrics, without a key")
    memory_limit_mib: int = Field(default=1024, ge=256, description="memory of the container")
    shared_memory_mib: int = Field(
        default=64, ge=16, description="part of it for /dev/shm, which Python models answer through"
    )
    start_seconds: int = Field(
        default=120, ge=5, description="time to load the models before it counts as failed"
    )
    gpu: bool = Field(default=False, description="give it a card; without, models run on cores")
    card: int = Field(default=0, ge=0, description="which card, in nvidia-smi's order")
    gpu_models_mib: int = Field(
        default=0, ge=0, description="memory that the models take on the card, all together"
    )
    gpu_context_mib: int = Field(
        default=512, ge=0, description="what CUDA takes there: once, and once per Python model"
    )
    environment: dict[str, str] = Field(
        default={}, description="further variables for the models, such as OMP_NUM_THREADS"
    )
    extra_arguments: tuple[str, ...] = Field(
        default=(), description="further arguments of tritonserver, such as `--log-verbose=1`"
    )

    @field_validator("models")
    @classmethod
    def _are_there(cls, models: tuple[str, ...]) -> tuple[str, ...]:
        if not models:
            raise ValueError(
                "no model is named: Triton would say that it is ready, and serve nothing; name at "
                f"least one of {' and '.join(known_models())}"
            )
        for model in models:
            refuse_unfit(model)
        return models

    @field_validator("environment")
    @classmethod
    def _are_harmless(cls, environment: dict[str, str]) -> dict[str, str]:
        if "TRITON_API_KEY" in environment:
            raise ValueError(
                "`TRITON_API_KEY` is read by nothing in Triton; the gateway checks the secret "
                f"`{API_KEY}`: take it out"
            )
        for name in environment:
            if name in _SET_BY_ROLE:
                raise ValueError(f"`{name}` is set by the role; {_SET_BY_ROLE[name]}")
            if _SECRET_NAME.search(name):
                raise ValueError(
                    f"`{name}` would show its value to whoever inspects the container; take it out"
                )
        return environment

    @field_validator("extra_arguments")
    @classmethod
    def _are_allowed(cls, arguments: tuple[str, ...]) -> tuple[str, ...]:
        return triton_arguments.allowed(arguments)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.shared_memory_mib >= self.memory_limit_mib:
            raise ValueError(
                f"shared_memory_mib ({self.shared_memory_mib}) leaves nothing of memory_limit_mib "
                f"({self.memory_limit_mib}) for the server; lower it"
            )
        if self.gpu_models_mib and not self.gpu:
            raise ValueError(
                f"gpu_models_mib is {self.gpu_models_mib}, but gpu is off and no card is given; "
                "set gpu or leave gpu_models_mib out"
            )
        return self

    def ports(self) -> tuple[Port, ...]:
        return (
            Port(self.port, "inference API", ("nginx",), published_by_container=True),
            Port(self.metrics_port, "metrics", ("prometheus",), published_by_container=True),
        )

    def scrapes(self) -> tuple[Scrape, ...]:
        return (Scrape("triton", self.metrics_port),)

    def route(self) -> Route:
        return Route(self.port, "Triton", health="/v2/health/ready", bearer_secret=API_KEY)

    def secrets(self) -> tuple[str, ...]:
        return (API_KEY,)

    def memory(self, machine: Machine) -> tuple[MemoryClaim, ...]:
        """Twice the limit where a changed set is loaded beside the old server before it counts."""
        return (MemoryClaim(self.memory_limit_mib * (1 if self.gpu else 2)),)

    def gpu_memory(self, machine: Machine) -> tuple[GpuClaim, ...]:
        if not self.gpu:
            return ()
        share = self.gpu_models_mib + CUDA_POOL_MIB + self.gpu_context_mib
        claim = GpuClaim(
            card=self.card,
            share_mib=share,
            weights_mib=self.gpu_models_mib,
            workspace_mib=CUDA_POOL_MIB,
            context_mib=self.gpu_context_mib,
        )
        return (claim,)

    def conflicts(self, machine: Machine, topology: Topology) -> tuple[Conflict, ...]:
        if not self.gpu:
            return ()
        nvidia = machine.settings.get(Nvidia.role)
        if not isinstance(nvidia, Nvidia):
            what = "gpu is on, and the host has no role nvidia, which brings the driver"
            remedy = f"add {machine.name} to `nvidia` in the inventory, or turn gpu off"
            return (Conflict(what, remedy),)
        if not triton_release.needs_newer_driver(self.image, nvidia.branch):
            return ()
        what = (
            f"`{self.image}` needs driver {NEXT_DRIVER_BRANCH} for a card, and the host's is of "
            f"branch {nvidia.branch}"
        )
        newest = triton_release.name(NEWEST_FOR_DRIVER)
        return (Conflict(what, f"use {newest} or older, or turn gpu off"),)

    def command(self) -> tuple[str, ...]:
        """The command in the container, behind the image's own entry point, which runs it."""
        return (
            *("sh", "-c", START, "tritonserver", "--model-repository=/models"),
            *("--model-control-mode=none", "--exit-on-error=true", "--strict-readiness=true"),
            *("--disable-auto-complete-config", "--allow-grpc=false", "--exit-timeout-secs=20"),
            f"--allow-gpu-metrics={'true' if self.gpu else 'false'}",
            *self.extra_arguments,
        )


@deploy("Triton")
def install() -> None:
    settings = Triton.of(host)
    address = str(host.data.ssh_hostname)
    compose.stack(
        name="Run the server",
        project=PROJECT,
        images={SERVICE: settings.image},
        entries=entries(settings, address),
        steps=steps(settings, address),
        wait_seconds=settings.start_seconds,
    )


@deploy("Remove Triton")
def remove() -> None:
    """Take the server off, and the copies of its models."""
    compose.removed(name="Remove the server", project=PROJECT)
