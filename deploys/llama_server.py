"""llama-server: what the roles that run it share; one model in one container.

Such a role says what it adds to the command line, what memory that takes, and how its server is
used. Nothing is kept: the model is the `models` role's, the API key the secret store's.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import ClassVar

from pydantic import Field, field_validator

from budget.amounts import written
from deploys import llama_arguments
from deploys.catalogue import Model
from deploys.declarations import Conflict, MemoryClaim, Port, Route, Scrape
from deploys.models import held_by
from deploys.settings import Settings
from deploys.topology import Machine, Topology

INNER_PORT = 8080


class LlamaServer(Settings):
    """Which model is served, and what its server may take of the host."""

    requires: ClassVar[tuple[str, ...]] = ("docker", "models")
    title: ClassVar[str]
    purpose: ClassVar[str]
    reachable_from: ClassVar[tuple[str, ...]] = ("nginx", "prometheus")
    program: ClassVar[str] = ""
    """What takes the arguments; empty: the image's own entry point does."""
    runtime: ClassVar[str] = ""
    """Docker's runtime for the container; empty: the usual one, which gives it no GPU."""
    refused_arguments: ClassVar[Mapping[str, str]]

    model: str = Field(description="name in the catalogue of `models`; clients ask for it so")
    threads: int | None = Field(
        default=None, ge=1, description="cores that work on requests; None: all that the host has"
    )
    port: int = Field(ge=1, le=65535, description="port on the host's address")
    parallel_sequences: int = Field(
        default=4, ge=1, le=64, description="requests answered at once; others wait"
    )
    memory_limit_mib: int = Field(ge=256, description="memory of the container")
    start_seconds: int = Field(
        default=120, ge=5, description="time to load the model before it counts as failed"
    )
    extra_arguments: tuple[str, ...] = Field(
        default=(), description="further arguments of llama-server, such as `--temp`, `0.2`"
    )

    @field_validator("extra_arguments")
    @classmethod
    def _are_allowed(cls, arguments: tuple[str, ...]) -> tuple[str, ...]:
        return llama_arguments.allowed(arguments, cls.refused_arguments)

    @property
    @abstractmethod
    def sequence_tokens(self) -> int:
        """The context that each request has."""

    @abstractmethod
    def own_arguments(self) -> tuple[str, ...]:
        """What the role adds to the command line."""

    @abstractmethod
    def needed_mib(self, model: Model) -> dict[str, int]:
        """The memory that the server comes to take, by what for."""

    @abstractmethod
    def misplaced(self, model: Model) -> str:
        """Why this role cannot serve `model`; empty if it can."""

    @property
    def api_key(self) -> str:
        """Name of the secret that clients show."""
        return f"{self.role}/api-key"

    def ports(self) -> tuple[Port, ...]:
        return (Port(self.port, self.purpose, self.reachable_from, published_by_container=True),)

    def scrapes(self) -> tuple[Scrape, ...]:
        return (Scrape(self.role, self.port, bearer_secret=self.api_key),)

    def route(self) -> Route:
        return Route(self.port, self.title)

    def secrets(self) -> tuple[str, ...]:
        return (self.api_key,)

    def memory(self, machine: Machine) -> tuple[MemoryClaim, ...]:
        return (MemoryClaim(self.memory_limit_mib),)

    def threads_on(self, machine: Machine) -> int:
        """Threads for `machine`; 1 where neither the settings nor the inventory say anything."""
        cores = machine.hardware.physical_cores if machine.hardware else 1
        return self.threads or cores

    def conflicts(self, machine: Machine, topology: Topology) -> tuple[Conflict, ...]:
        """A model that does not fit would be noticed only once the old server is gone."""
        held = held_by(machine)
        return (*self._conflicts_of_threads(machine), *self._conflicts_of_model(held))

    def _conflicts_of_threads(self, machine: Machine) -> Iterator[Conflict]:
        where = f"group_data/{self.role}.py"
        if machine.hardware is None:
            if self.threads is None:
                yield Conflict(
                    "threads are the cores of the host, and the inventory does not say how many "
                    "it has",
                    f"give the host its `hardware` in the inventory, or set `threads` in {where}",
                )
        elif (self.threads or 0) > machine.hardware.physical_cores:
            yield Conflict(
                f"threads ({self.threads}) are more than the cores of the host "
                f"({machine.hardware.physical_cores}); the work waits for the slowest",
                f"take `threads` out of {where}: then each core has one",
            )

    def _conflicts_of_model(self, held: tuple[Model, ...]) -> Iterator[Conflict]:
        names = [model.name for model in held]
        if names and self.model not in names:
            near = get_close_matches(self.model, names) or names
            what = f"the host holds no model `{self.model}`; it holds {' and '.join(near)}"
            yield Conflict(what, f"set `model` in group_data/{self.role}.py to one of them")
        for model in held:
            if model.name == self.model:
                yield from self._misfits(model)

    def _misfits(self, model: Model) -> Iterator[Conflict]:
        where = f"group_data/{self.role}.py"
        reason = self.misplaced(model)
        if model.format != "gguf":
            reason = f"`{model.name}` is {model.format}, and llama-server reads gguf"
        if reason:
            yield Conflict(reason, f"set `model` in {where} to another one of the catalogue")
            return
        longest = model.architecture.context_tokens
        if self.sequence_tokens > longest:
            yield Conflict(
                f"a context of {self.sequence_tokens} tokens is longer than the {longest} that "
                f"`{model.name}` was made for",
                f"lower it in {where}",
            )
        parts = self.needed_mib(model)
        if (needed := sum(parts.values())) > self.memory_limit_mib:
            yield Conflict(
                f"memory_limit_mib ({self.memory_limit_mib}) is less than the {needed} MiB that "
                f"{self.parallel_sequences} x {self.sequence_tokens} tokens come to need: "
                f"{written(parts.items())}",
                f"raise it in {where}, or ask for less there",
            )

    def arguments(self, model: Model, threads: int) -> tuple[str, ...]:
        """The command line of llama-server, as it stands in the container."""
        return (
            *("--model", f"/models/{model.main_file}", "--alias", model.name, "--offline"),
            *("--port", str(INNER_PORT), "--metrics"),
            *("--api-key-file", "/run/secrets/api-key"),
            # llama-server divides the context by the number of its slots.
            *("--ctx-size", str(self.parallel_sequences * self.sequence_tokens)),
            *("--parallel", str(self.parallel_sequences), "--threads", str(threads)),
            *self.own_arguments(),
            *self.extra_arguments,
        )

    def command(self, image: str, model: Model, threads: int) -> tuple[str, ...]:
        """What the program in `image` is told."""
        return self.arguments(model, threads)
