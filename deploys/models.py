"""Models: the files that servers load, from a hub by its own client, verified before they count.

Listens on nothing. Keeps the models in the settings' `directory`; a model that leaves the
catalogue stays there until somebody deletes it.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pyinfra import host
from pyinfra.api.deploy import deploy
from pyinfra.operations import files

from deploys.rendering import render
from deploys.settings import Settings
from operations import model, packages, retirement, service
from operations.entries import File, Link
from operations.model import Download, Shelf
from operations.transaction import Steps

CLIENT = "/opt/ai-idp/models"
REQUIREMENTS = Path(__file__).parent.parent / "files" / "models" / "requirements.txt"
GIB = 1024**3


class Model(BaseModel):
    """One file of one commit of a hub's repository, with the numbers that its memory follows from.

    A KV cache takes 2 x layers x kv_heads x head_dimension x bytes of a value for each token.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="name in this catalogue, and of its folder", pattern=r"^[\w.-]+$")
    repository: str = Field(
        description="`owner/name` on the hub, in its exact upper and lower case"
    )
    revision: str = Field(description="commit, 40 hex digits; a branch would move")
    file: str = Field(description="file in the repository", pattern=r"^[\w.-]+$")
    bytes: int = Field(gt=0, description="size of the file")
    sha256: str = Field(description="checksum of the file, as the hub shows it beside it")
    licence: str = Field(description="licence that its use falls under")
    layers: int = Field(gt=0, description="transformer layers")
    kv_heads: int = Field(
        ge=0, description="heads with keys and values of their own; 0: no KV cache"
    )
    head_dimension: int = Field(gt=0, description="numbers in each key and each value")

    @field_validator("repository")
    @classmethod
    def _names_owner_and_repository(cls, repository: str) -> str:
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
            raise ValueError(f"`{repository}` is no repository of the hub; write `owner/name`")
        return repository

    @field_validator("revision")
    @classmethod
    def _is_commit(cls, revision: str) -> str:
        if not re.fullmatch(r"[0-9a-f]{40}", revision):
            raise ValueError(
                f"`{revision}` may become other bytes tomorrow; give the commit's 40 hex digits"
            )
        return revision

    @field_validator("sha256")
    @classmethod
    def _is_checksum(cls, sha256: str) -> str:
        if not re.fullmatch(r"[0-9a-f]{64}", sha256):
            raise ValueError(
                f"`{sha256}` is no sha256 (64 hex digits); the hub shows it on the file's page"
            )
        return sha256

    def download(self) -> Download:
        return Download(
            self.name, self.repository, self.revision, self.file, self.bytes, self.sha256
        )


class Models(Settings):
    """Which models a host holds, and where."""

    role: ClassVar[str] = "models"

    catalogue: tuple[Model, ...] = Field(min_length=1, description="the models to hold")
    directory: str = Field(
        default="/srv/models", pattern=r"^/[\w./-]+$", description="where they lie"
    )
    reserve_gib: int = Field(
        default=10, ge=0, description="space on that disk that a download leaves free"
    )
    hub: str = Field(
        default="", description="address of a mirror of the hub; empty: the hub itself"
    )

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [held.name for held in self.catalogue]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"catalogue has two models `{name}`; name one of them otherwise")
        return self

    def named(self, name: str) -> Model:
        """The model of this name; KeyError where there is none."""
        return {held.name: held for held in self.catalogue}[name]

    def folder(self, held: Model) -> str:
        return f"{self.directory}/{held.name}"


@deploy("Models")
def install() -> None:
    settings = Models.of(host)
    packages.installed(name="Install Python", packages=["python3-venv", "ca-certificates"])
    requirements = REQUIREMENTS.read_bytes()
    environment = f"client-{hashlib.sha256(requirements).hexdigest()[:12]}"
    service.deployed(
        name="Install the client of the hub",
        service="models",
        entries=[
            File(f"{CLIENT}/requirements.txt", requirements),
            Link(f"{CLIENT}/client", environment),
        ],
        steps=Steps(
            prepare=_preparation(environment),
            probe=f"{CLIENT}/client/bin/hf version",
            live=f"cat {CLIENT}/client/complete",
        ),
    )
    model.present(
        name="Have the models of the catalogue",
        models=[held.download() for held in settings.catalogue],
        shelf=Shelf(
            root=settings.directory,
            client=f"{CLIENT}/client/bin/hf",
            reserve_bytes=settings.reserve_gib * GIB,
            environment=client_environment(settings),
        ),
    )


@deploy("Remove the models' client")
def remove() -> None:
    """Take the client off; the models stay."""
    retirement.service_removed(name="Remove the client of the hub", service="models")
    files.directory(name="Remove what it was made of", path=CLIENT, present=False)


def client_environment(settings: Models) -> dict[str, str]:
    """What the hub's client is told: nobody counts it, and the host decides whom it trusts."""
    return {
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HOME": f"{settings.directory}/.incoming/client",
        "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt",
        **({"HF_ENDPOINT": settings.hub} if settings.hub else {}),
    }


def _preparation(environment: str) -> str:
    values = {"directory": CLIENT, "environment": environment}
    return render("models/steps/prepare.sh.j2", **values).decode()
