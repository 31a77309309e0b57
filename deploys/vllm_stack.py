"""vLLM's stack: the files of its one container, and how changed ones are checked and probed."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from deploys.catalogue import Model
from deploys.rendering import render
from operations import compose
from operations.entries import Directory, File
from operations.transaction import Steps

if TYPE_CHECKING:
    from deploys.vllm import Vllm

PROJECT = "vllm"
SERVICE = "server"
USER, GROUP = "2000", "0"
"""The user `vllm` of the image; its documentation runs it with the root group, without rights."""
INNER_PORT = 8000
CACHE = "/var/cache/ai-idp/vllm"
HOME = "/home/vllm"


def entries(
    settings: Vllm, models: Sequence[Model], folders: Mapping[str, str], address: str, key: str
) -> list[Directory | File]:
    """The files of the stack for `models`, the served one first; `folders` has them by name."""
    directory = compose.directory(PROJECT)
    values = {
        "project": PROJECT,
        "settings": settings,
        "pids_limit": 4096,
        "fingerprints": " ".join(model.fingerprint for model in models),
        "folders": folders,
        "address": address,
        "user": USER,
        "group": GROUP,
        "home": HOME,
        "cache": CACHE,
        "command": compose.command(settings.arguments(models[0])),
        "variables": {name: _variable(text) for name, text in settings.environment.items()},
        "inner_port": INNER_PORT,
    }
    return [
        Directory(directory, mode="0700"),
        Directory(CACHE, mode="0700", owner=USER, group=USER),
        File(f"{directory}/compose.yaml", render("vllm/compose.yaml.j2", **values)),
        File(
            f"{directory}/api-key", f"{key}\n".encode(), "0400", owner=USER, group=USER, secret=True
        ),
    ]


def steps(settings: Vllm, model: Model, address: str) -> Steps:
    """Changed arguments are read by the image itself before the old server stops."""
    return Steps(
        validate=_step("validate", settings, model, address),
        probe=_step("probe", settings, model, address),
    )


def _variable(text: str) -> str:
    """A value in compose.yaml: JSON is YAML, and a bare `$` would be Compose's own."""
    return json.dumps(text).replace("$", "$$")


def _step(name: str, settings: Vllm, model: Model, address: str) -> str:
    return render(
        f"vllm/steps/{name}.sh.j2",
        directory=compose.directory(PROJECT),
        settings=settings,
        user=f"{USER}:{GROUP}",
        environment="".join(
            f" --env {shlex.quote(f'{name}={text}')}" for name, text in settings.environment.items()
        ),
        arguments=shlex.join(settings.arguments(model)),
        model=model.name,
        url=f"http://{address}:{settings.port}",
    ).decode()
