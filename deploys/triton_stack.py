"""Triton's stack: the files of its one container, and how changed ones are checked and probed."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from deploys.model_repository import repository_entries, with_example
from deploys.rendering import render
from operations import compose
from operations.entries import Directory, Entry, File
from operations.transaction import Steps

if TYPE_CHECKING:
    from deploys.triton import Triton

PROJECT = "triton"
SERVICE = "server"
USER = "65532"
HTTP_PORT, METRICS_PORT = 8000, 8002
PIDS_LIMIT = 512
"""Fifty-six were counted with one model; the libraries of a model take one for each core."""


def entries(settings: Triton, address: str) -> list[Entry]:
    """The files of the stack: its definition, the model repository, and an example of each."""
    directory = compose.directory(PROJECT)
    values = {
        "project": PROJECT,
        "settings": settings,
        "pids_limit": PIDS_LIMIT,
        "address": address,
        "user": USER,
        "command": compose.command(settings.command()),
        "models": f"{directory}/models",
        "http_port": HTTP_PORT,
        "metrics_port": METRICS_PORT,
    }
    return [
        Directory(directory, mode="0700"),
        File(f"{directory}/compose.yaml", render("triton/compose.yaml.j2", **values)),
        *repository_entries(settings.models, directory),
    ]


def steps(settings: Triton, address: str) -> Steps:
    """Changed models are loaded before they count; not on a card, which would hold them twice."""
    return Steps(
        validate="" if settings.gpu else _step("validate", settings, address),
        probe=_step("probe", settings, address),
    )


def _step(name: str, settings: Triton, address: str) -> str:
    return render(
        f"triton/steps/{name}.sh.j2",
        directory=compose.directory(PROJECT),
        settings=settings,
        user=USER,
        command=shlex.join(settings.command()),
        environment=[
            shlex.quote(f"{name}={value}") for name, value in settings.environment.items()
        ],
        examples=with_example(settings.models),
        url=f"http://{address}:{settings.port}",
        metrics_url=f"http://{address}:{settings.metrics_port}",
        http_port=HTTP_PORT,
    ).decode()
