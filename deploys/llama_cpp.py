"""llama.cpp: a chat model on the processor, behind an API like OpenAI's, in one hardened container.

Listens on `port` of the host's address, for the gateway and Prometheus alone. Keeps no data: the
model is the `models` role's, the API key the secret store's.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from pyinfra import host
from pyinfra.api.deploy import deploy

from deploys import llama_stack
from deploys.llama_chat import ChatServer
from deploys.llama_image import LlamaImage
from operations import compose

API_KEY = "llama_cpp/api-key"


class LlamaCpp(ChatServer):
    """Which chat model is served by which build, and what it may take of the host."""

    role: ClassVar[str] = "llama_cpp"
    title: ClassVar[str] = "llama.cpp"

    image: LlamaImage = Field(
        description="`name:tag@sha256:digest`; flags differ from build to build"
    )
    memory_limit_mib: int = Field(default=8192, ge=256, description="memory of the container")


@deploy("llama.cpp")
def install() -> None:
    settings = LlamaCpp.of(host)
    llama_stack.serve(settings, settings.image)


@deploy("Remove llama.cpp")
def remove() -> None:
    """Take the server off; the model stays."""
    compose.removed(name="Remove the server", project=LlamaCpp.role)
