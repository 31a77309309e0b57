"""llama.cpp: a chat model on the processor, behind an API like OpenAI's, in one hardened container.

Listens on `port` of the host's address, for the gateway and Prometheus alone. Keeps no data: the
model is the `models` role's, the API key the secret store's.
"""

from __future__ import annotations

import json
import re
import shlex
from difflib import get_close_matches
from typing import ClassVar, Self

from pydantic import Field, field_validator, model_validator
from pyinfra import host
from pyinfra.api.deploy import deploy

import secret_store
from deploys.declarations import Conflict, MemoryClaim, Port, Scrape
from deploys.models import Model, Models
from deploys.rendering import render
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from operations import compose
from operations.entries import Directory, File
from operations.transaction import Steps

PROJECT = "llama_cpp"
SERVICE = "server"
API_KEY = "llama_cpp/api-key"
USER = "65532"
"""Number without a name or a file on any host; distroless images call it nonroot."""
INNER_PORT = 8080
SLOT_GRANULE_TOKENS = 256

_REFERENCE = re.compile(r"[\w.-]+(:\d+)?(/[\w.-]+)+:[\w][\w.-]*@sha256:[0-9a-f]{64}")
REFUSED_ARGUMENTS = {
    **dict.fromkeys(("--mlock", "--no-mmap"), "was removed; use --load-mode"),
    **dict.fromkeys(
        ("--draft", "--draft-max", "--draft-min"), "was removed; use --spec-draft-n-max"
    ),
    "--log-disable": "takes away the log that a failed start is explained by",
    **dict.fromkeys(("--api-key", "--api-key-file"), "would show the key; the role passes a file"),
    **dict.fromkeys(
        ("--tools", "--agent", "--ui-mcp-proxy", "--rpc", "--sleep-idle-seconds"),
        "opens the host to whoever reaches the port",
    ),
    **dict.fromkeys(("-c", "--ctx-size"), "follows from context_per_slot_tokens"),
    **dict.fromkeys(("-np", "--parallel"), "is parallel_sequences"),
    **dict.fromkeys(("-t", "--threads"), "is threads"),
    **dict.fromkeys(("-m", "--model", "-hf", "--hf-repo"), "is model"),
    **dict.fromkeys(("--host", "--port", "--alias", "--metrics", "-cram", "--cache-ram"), "is set"),
}


class LlamaCpp(Settings):
    """Which model is served by which build, and what it may take of the host."""

    role: ClassVar[str] = "llama_cpp"
    requires: ClassVar[tuple[str, ...]] = ("docker", "models")

    image: str = Field(description="`name:tag@sha256:digest`; flags differ from build to build")
    model: str = Field(description="name in the catalogue of `models`; clients ask for it so")
    physical_cores: int = Field(ge=1, description="cores of the host, hyper-threads not counted")
    threads: int = Field(ge=1, description="cores that generate; more than there are slow it down")
    port: int = Field(default=8080, ge=1, le=65535, description="port on the host's address")
    parallel_sequences: int = Field(
        default=4, ge=1, le=64, description="requests answered at once; others wait"
    )
    context_per_slot_tokens: int = Field(
        default=4096, ge=256, description="context that each of them has, prompt and answer"
    )
    prompt_cache_mib: int = Field(
        default=1024, ge=0, description="memory for prompts that may come again (--cache-ram)"
    )
    memory_limit_mib: int = Field(default=8192, ge=256, description="memory of the container")
    start_seconds: int = Field(
        default=120, ge=5, description="time to load the model before it counts as failed"
    )
    extra_arguments: tuple[str, ...] = Field(
        default=(), description="further arguments of llama-server, such as `--temp`, `0.2`"
    )

    @field_validator("image")
    @classmethod
    def _is_pinned(cls, image: str) -> str:
        if "/ggerganov/" in image:
            raise ValueError(
                f"`{image}` is where the project was; its images are now ghcr.io/ggml-org/llama.cpp"
            )
        if ":latest" in image or not _REFERENCE.fullmatch(image):
            raise ValueError(
                f"`{image}` may become another program tomorrow; pin a build and its digest: "
                "`name:server-b<build>@sha256:<64 hex digits>`"
            )
        return image

    @field_validator("context_per_slot_tokens")
    @classmethod
    def _is_granular(cls, tokens: int) -> int:
        if tokens % SLOT_GRANULE_TOKENS:
            next_whole = (tokens // SLOT_GRANULE_TOKENS + 1) * SLOT_GRANULE_TOKENS
            raise ValueError(
                f"{tokens} is not a multiple of {SLOT_GRANULE_TOKENS}, in which llama.cpp deals "
                f"context out; use {next_whole}"
            )
        return tokens

    @field_validator("extra_arguments")
    @classmethod
    def _are_allowed(cls, arguments: tuple[str, ...]) -> tuple[str, ...]:
        for argument in arguments:
            flag = argument.partition("=")[0]
            if flag in REFUSED_ARGUMENTS:
                raise ValueError(f"`{flag}` {REFUSED_ARGUMENTS[flag]}; take it out")
        return arguments

    @model_validator(mode="after")
    def _fits_the_host(self) -> Self:
        if self.threads > self.physical_cores:
            raise ValueError(
                f"threads ({self.threads}) are more than physical_cores ({self.physical_cores}); "
                "generation waits for the slowest: use at most one for each core"
            )
        if self.prompt_cache_mib >= self.memory_limit_mib:
            raise ValueError(
                f"prompt_cache_mib ({self.prompt_cache_mib}) leaves nothing of memory_limit_mib "
                f"({self.memory_limit_mib}) for the model; lower it"
            )
        return self

    @property
    def context_tokens(self) -> int:
        """What llama-server takes as -c: it divides that by the number of slots."""
        return self.parallel_sequences * self.context_per_slot_tokens

    def ports(self) -> tuple[Port, ...]:
        reachable_from = ("nginx", "prometheus")
        return (Port(self.port, "model API", reachable_from, published_by_container=True),)

    def memory(self, machine: Machine) -> tuple[MemoryClaim, ...]:
        return (MemoryClaim(self.memory_limit_mib),)

    def conflicts(self, machine: Machine, topology: Topology) -> tuple[Conflict, ...]:
        """A model that nobody brings would be noticed only once the old server is gone."""
        models = machine.settings.get("models")
        catalogue = models.held if isinstance(models, Models) else ()
        names = [model.name for model in catalogue]
        if self.model in names or not names:
            return ()
        near = get_close_matches(self.model, names) or names
        what = f"the catalogue has no model `{self.model}`; it has {' and '.join(near)}"
        return (Conflict(what, "set `model` in group_data/llama_cpp.py to one of them"),)

    def scrapes(self) -> tuple[Scrape, ...]:
        return (Scrape("llama_cpp", self.port, bearer_secret=API_KEY),)

    def secrets(self) -> tuple[str, ...]:
        return (API_KEY,)

    def arguments(self, model: Model) -> tuple[str, ...]:
        """The command line of llama-server, as it stands in the container."""
        return (
            *("--model", f"/models/{model.main_file}", "--alias", model.name, "--offline"),
            *("--port", str(INNER_PORT), "--metrics"),
            *("--api-key-file", "/run/secrets/api-key"),
            *("--ctx-size", str(self.context_tokens), "--parallel", str(self.parallel_sequences)),
            *("--threads", str(self.threads), "--cache-ram", str(self.prompt_cache_mib)),
            *self.extra_arguments,
        )


@deploy("llama.cpp")
def install() -> None:
    settings = LlamaCpp.of(host)
    models = Models.of(host)
    model = models.named(settings.model)
    address = str(host.data.ssh_hostname)
    key = secret_store.for_data(host.data).get(API_KEY).get_secret_value()
    compose.stack(
        name="Run the server",
        project=PROJECT,
        images={SERVICE: settings.image},
        entries=entries(settings, model, models.folder(model), address, key),
        steps=Steps(
            validate=_step("validate", settings, model, address),
            probe=_step("probe", settings, model, address),
        ),
        wait_seconds=settings.start_seconds,
    )


@deploy("Remove llama.cpp")
def remove() -> None:
    """Take the server off; the model stays."""
    compose.removed(name="Remove the server", project=PROJECT)


def entries(
    settings: LlamaCpp, model: Model, folder: str, address: str, key: str
) -> list[Directory | File]:
    """The files of the stack; nobody but root and the container gets at the key."""
    directory = compose.directory(PROJECT)
    values = {
        "project": PROJECT,
        "settings": settings,
        "pids_limit": 64 + 4 * settings.physical_cores,
        "model": model,
        "folder": folder,
        "address": address,
        "user": USER,
        "command": json.dumps(settings.arguments(model)),
        "inner_port": INNER_PORT,
    }
    return [
        Directory(directory, mode="0700"),
        File(f"{directory}/compose.yaml", render("llama_cpp/compose.yaml.j2", **values)),
        File(
            f"{directory}/api-key", f"{key}\n".encode(), "0400", owner=USER, group=USER, secret=True
        ),
    ]


def _step(name: str, settings: LlamaCpp, model: Model, address: str) -> str:
    return render(
        f"llama_cpp/steps/{name}.sh.j2",
        directory=compose.directory(PROJECT),
        image=settings.image,
        user=USER,
        arguments=shlex.join(settings.arguments(model)),
        model=model.name,
        url=f"http://{address}:{settings.port}",
    ).decode()
