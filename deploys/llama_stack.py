"""llama-server's stack: the files of its one container, its probe, and how a host runs it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from pyinfra import host

import secret_store
from deploys.catalogue import Model
from deploys.llama_server import INNER_PORT, LlamaServer
from deploys.models import Models
from deploys.rendering import render
from deploys.topology import Machine
from operations import compose
from operations.entries import Directory, File
from operations.transaction import Steps

SERVICE = "server"
USER = "65532"
"""Number without a name or a file on any host; distroless images call it nonroot."""


@dataclass(frozen=True)
class Stack:
    """One llama-server on one host: all that its files and its steps are made from."""

    settings: LlamaServer
    image: str
    model: Model
    folder: str
    address: str
    threads: int

    @property
    def project(self) -> str:
        return self.settings.role

    @property
    def command(self) -> tuple[str, ...]:
        return self.settings.command(self.image, self.model, self.threads)

    def entries(self, key: str) -> list[Directory | File]:
        """Its files; nobody but root and the container gets at the key."""
        directory = compose.directory(self.project)
        values = {
            "project": self.project,
            "settings": self.settings,
            "image": self.image,
            "pids_limit": 64 + 4 * self.threads,
            "model": self.model,
            "folder": self.folder,
            "address": self.address,
            "user": USER,
            "command": compose.command(self.command),
            "inner_port": INNER_PORT,
        }
        api_key = f"{key}\n".encode()
        return [
            Directory(directory, mode="0700"),
            File(f"{directory}/compose.yaml", render("llama_server/compose.yaml.j2", **values)),
            File(f"{directory}/api-key", api_key, "0400", owner=USER, group=USER, secret=True),
        ]

    def steps(self) -> Steps:
        return Steps(
            validate=self._step("llama_server/steps/validate.sh.j2"),
            probe=self._step(f"{self.project}/steps/probe.sh.j2"),
        )

    def _step(self, template: str) -> str:
        return render(
            template,
            project=self.project,
            directory=compose.directory(self.project),
            settings=self.settings,
            image=self.image,
            user=USER,
            command=shlex.join(self.command),
            url=f"http://{self.address}:{self.settings.port}",
        ).decode()


def serve(settings: LlamaServer, image: str) -> None:
    """Have the current host run the server of `settings` from `image`, within a deploy."""
    models = Models.of(host)
    model = models.named(settings.model)
    machine = Machine.of(host)
    threads = settings.threads_on(machine)
    stack = Stack(settings, image, model, models.folder(model), machine.address, threads)
    key = secret_store.for_data(host.data).get(settings.api_key).get_secret_value()
    compose.stack(
        name="Run the server",
        project=stack.project,
        images={SERVICE: image},
        entries=stack.entries(key),
        steps=stack.steps(),
        wait_seconds=settings.start_seconds,
    )
