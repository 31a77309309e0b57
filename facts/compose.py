"""Containers of a Compose project: what runs, from which image and definition, in one command."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path

from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase
from typing_extensions import override

SCRIPT = Path(__file__).with_name("compose_state.sh")

# Exactly what `docker update` and `docker network` change on a container that exists.
_CHANGEABLE = (
    *("Memory", "MemorySwap", "MemoryReservation", "NanoCpus", "CpuShares", "CpuPeriod"),
    *("CpuQuota", "CpusetCpus", "CpusetMems", "BlkioWeight", "PidsLimit", "RestartPolicy.Name"),
)
SETTINGS = (
    " ".join(f"{name}={{{{.HostConfig.{name}}}}}" for name in _CHANGEABLE)
    + " Networks={{range $name, $_ := .NetworkSettings.Networks}}{{$name}},{{end}}"
)
"""Format for `docker inspect`: the settings of a container that its definition cannot vouch for."""


@dataclass(frozen=True)
class Container:
    """A container as Docker tells it. `hash` is the label that its stack was landed under."""

    service: str
    identifier: str
    image: str
    state: str
    health: str
    hash: str
    settings: str


@dataclass(frozen=True)
class Containers:
    """The containers of one project, and the settings that each had when it was landed.

    `engine_stopped`: there are containers on this host that nobody can be asked about now; they
    come back with the engine.
    """

    found: tuple[Container, ...] = ()
    recorded: dict[str, str] = field(default_factory=dict)
    engine_stopped: bool = False


class ComposeState(FactBase[Containers | None]):
    """Containers of a project; None where they could not be read, which is not the same as none.

    A host without Docker has no containers.
    """

    @override
    def command(self, project: str) -> str:
        names = f"project={shlex.quote(project)}\nsettings={shlex.quote(SETTINGS)}\n"
        return names + SCRIPT.read_text()

    @override
    def process(self, output: list[str]) -> Containers:
        if not output or output[-1] != "end":
            raise FactProcessError("the state of the containers ended in the middle")
        lines = [line.split("\t") for line in output]
        return Containers(
            found=tuple(Container(*line[1:]) for line in lines if line[0] == "container"),
            recorded={line[1]: line[2] for line in lines if line[0] == "recorded"},
            engine_stopped=["stopped"] in lines,
        )
