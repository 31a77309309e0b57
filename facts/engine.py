"""Containers that run on a host, whosever they are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase
from typing_extensions import override

SCRIPT = Path(__file__).with_name("engine_state.sh")


@dataclass(frozen=True)
class Running:
    """A running container: `name` as plans call it (`project/service` for one of Compose)."""

    name: str
    image: str


class RunningContainers(FactBase[tuple[Running, ...] | None]):
    """What runs now; None where the engine did not say, which is not the same as nothing."""

    @override
    def command(self) -> str:
        return SCRIPT.read_text()

    @override
    def process(self, output: list[str]) -> tuple[Running, ...]:
        if not output or output[-1] != "end":
            raise FactProcessError("the list of running containers ended in the middle")
        rows = (line.split("\t") for line in output[:-1])
        return tuple(
            Running(f"{project}/{service}" if project else name.lstrip("/"), image)
            for name, project, service, image in rows
        )
