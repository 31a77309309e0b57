"""Edge: a small chat model on the GPU of a Jetson, behind an API like OpenAI's, in one container.

Listens on `port` of the board's address, for the gateway and Prometheus, for the AI desktop, which
measures the link, and for whoever holds the cable of the board's USB link. Keeps no data: the model
is the `models` role's, the key the secret store's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, Self

from pydantic import Field, model_validator
from pyinfra import host
from pyinfra.api.deploy import deploy

from deploys import llama_stack
from deploys.catalogue import Model
from deploys.declarations import Port
from deploys.jetpack import KNOWN, obstacle
from deploys.jetson import USB_BRIDGE, Jetson
from deploys.jetson_image import PUBLISHER, TAGS, build, misfit, too_new
from deploys.llama_chat import ChatServer
from deploys.llama_image import LlamaImage
from deploys.refusal import refuse
from deploys.topology import Machine
from facts.jetson_linux import JetsonLinux, Release
from operations import compose

API_KEY = "edge/api-key"
CUDA_MIB = 400
"""CUDA's context and libraries, which on this board lie in the memory that all share."""
QUIET_SINCE = 9100
"""Builds from about here on keep what the library logs, such as where the layers went, for
verbosity 4 (ggml-org/llama.cpp#23021, of May 2026); before, 3 showed it and 4 was for debugging."""

_ALL_ON_GPU = "is set by the role: all of the model is on the GPU"
_OFF_THE_GPU = "takes work from the GPU to the processor"
_IS_READ = "is set by the role, which reads in the log whether the GPU works"


class Edge(ChatServer):
    """Which chat model is served by which build, and what it may take of the board."""

    role: ClassVar[str] = "edge"
    title: ClassVar[str] = "Edge"
    reachable_from: ClassVar[tuple[str, ...]] = ("nginx", "prometheus", "nvidia")
    program: ClassVar[str] = "llama-server"
    runtime: ClassVar[str] = "nvidia"
    refused_arguments: ClassVar[Mapping[str, str]] = {
        **ChatServer.refused_arguments,
        **dict.fromkeys(
            ("-ngl", "--gpu-layers", "--n-gpu-layers", "-dev", "--device"), _ALL_ON_GPU
        ),
        **dict.fromkeys(("-fit", "--fit", "-ot", "--override-tensor"), _OFF_THE_GPU),
        **dict.fromkeys(("-cmoe", "--cpu-moe", "-ncmoe", "--n-cpu-moe"), _OFF_THE_GPU),
        **dict.fromkeys(("-nkvo", "--no-kv-offload", "--no-op-offload"), _OFF_THE_GPU),
        **dict.fromkeys(("-lv", "--verbosity", "--log-verbosity"), _IS_READ),
        **dict.fromkeys(("-v", "--verbose", "--log-verbose", "--log-file"), _IS_READ),
    }

    images: dict[int, LlamaImage] = Field(
        min_length=1,
        description="`name:tag@sha256:digest` by major release of Jetson Linux, such as 36: each "
        "runs what was made for it",
    )
    port: int = Field(default=8080, ge=1, le=65535, description="port on the board's address")
    parallel_sequences: int = Field(
        default=2, ge=1, le=64, description="requests answered at once; others wait"
    )
    prompt_cache_mib: int = Field(
        default=256, ge=0, description="memory for prompts that may come again; 0: none is kept"
    )
    memory_limit_mib: int = Field(
        default=3072, ge=256, description="memory of the container, what is on the GPU included"
    )

    @model_validator(mode="after")
    def _images_fit(self) -> Self:
        for major, image in self.images.items():
            if major not in KNOWN:
                known = " and ".join(map(str, KNOWN))
                raise ValueError(f"images names r{major}; known are {known}: deploys/jetpack.py")
            if reason := misfit(image, major):
                raise ValueError(
                    f"`{image}` does not run on the GPU of a board with r{major}: {reason}; "
                    f"take one like {PUBLISHER}:{TAGS[major]}"
                )
        return self

    def ports_on(self, machine: Machine) -> tuple[Port, ...]:
        """Who holds the cable gets to the server over it too, where the board keeps that link."""
        board = machine.settings.get(Jetson.role)
        linked = isinstance(board, Jetson) and board.usb_device_mode
        return tuple(replace(port, interface=USB_BRIDGE if linked else "") for port in self.ports())

    def own_arguments(self) -> tuple[str, ...]:
        """With a device named, llama-server ends where it is missing instead of going on without
        (parse_device_list in llama.cpp's common/arg.cpp)."""
        return (
            *super().own_arguments(),
            *("--host", "0.0.0.0", "--device", "CUDA0", "--n-gpu-layers", "all", "--fit", "off"),
        )

    def command(self, image: str, model: Model, threads: int) -> tuple[str, ...]:
        verbosity = 4 if build(image) >= QUIET_SINCE else 3
        return (*super().command(image, model, threads), "--log-verbosity", str(verbosity))

    def needed_mib(self, model: Model) -> dict[str, int]:
        return {**super().needed_mib(model), "CUDA": CUDA_MIB}

    def obstacle(self, release: Release) -> str:
        """Why a host of this release cannot be given the server; empty if it can."""
        if reason := obstacle(release):
            return reason
        if release.major not in self.images:
            have = " and ".join(f"r{major}" for major in self.images)
            return (
                f"it runs Jetson Linux {release}, and group_data/edge.py has an image for {have} "
                f"alone; add one for {release.major} to `images` there, with its digest"
            )
        return too_new(self.images[release.major], release)


@deploy("Edge")
def install() -> None:
    settings, release = Edge.of(host), host.get_fact(JetsonLinux)
    if release is None:
        # pyinfra has failed this host already; nothing is planned from what was not read.
        return
    if reason := settings.obstacle(release):
        refuse(reason)
        return
    llama_stack.serve(settings, settings.images[release.major])


@deploy("Remove edge")
def remove() -> None:
    """Take the server off; the model stays."""
    compose.removed(name="Remove the server", project=Edge.role)
