"""Models: the files that servers load, from a hub by its own client, verified before they count.

Listens on nothing. Keeps the models in the settings' `directory`, each revision in a folder of its
own; what leaves the catalogue stays there until `make retire`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, SecretStr, model_validator
from pyinfra import host
from pyinfra.api.deploy import deploy
from pyinfra.operations import files

import secret_store
from deploys import python_environment
from deploys.catalogue import Model
from deploys.declarations import DiskClaim, GivenSecret
from deploys.python_environment import PythonEnvironment
from deploys.settings import Settings
from operations import model, model_lock, packages, retirement, service
from operations.entries import Directory, File
from operations.model_shelf import Download, Shelf, Wanted
from operations.transaction import Steps

if TYPE_CHECKING:
    from deploys.topology import Machine

CLIENT = "/opt/ai-idp/models"
OWN_FILES = Path(__file__).parent.parent / "files" / "models"
REQUIREMENTS = OWN_FILES / "requirements.txt"
FETCH = OWN_FILES / "fetch"
HUB_TOKEN = "models/hub-token"
GIB = 1024**3


class Models(Settings):
    """Which models a host holds, and where."""

    role: ClassVar[str] = "models"

    catalogue: tuple[Model, ...] = Field(min_length=1, description="the models that are known")
    without: tuple[str, ...] = Field(
        default=(),
        description="names of those that the host does not hold; one with its own `models` in the "
        "inventory holds those",
    )
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
        names = [model.name for model in self.catalogue]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"catalogue has two models `{name}`; name one of them otherwise")
        for name in self.without:
            if name not in names:
                raise ValueError(f"without names `{name}`, which the catalogue lacks; take it out")
        return self

    def holding(self, *names: str) -> Self:
        """The same for a host that holds these models alone, as its `models` in the inventory."""
        known = [model.name for model in self.catalogue]
        if unknown := [name for name in names if name not in known]:
            raise ValueError(f"the catalogue lacks `{unknown[0]}`; it has {' and '.join(known)}")
        without = tuple(name for name in known if name not in names)
        return self.model_copy(update={"without": without})

    @property
    def held(self) -> tuple[Model, ...]:
        """The models that the host holds."""
        return tuple(model for model in self.catalogue if model.name not in self.without)

    def named(self, name: str) -> Model:
        """The model of this name that the host holds; KeyError where there is none."""
        return {model.name: model for model in self.held}[name]

    def folder(self, model: Model) -> str:
        """Where its files lie: another revision lies elsewhere, so no server sees two mixed."""
        return f"{self.directory}/{model.name}/{model.revision}"

    def disk(self, machine: Machine) -> tuple[DiskClaim, ...]:
        """What the files take, and what a download leaves free."""
        total = sum(model.bytes for model in self.held)
        return (DiskClaim(self.directory, total, self.reserve_gib * GIB),)

    def given_secrets(self) -> tuple[GivenSecret, ...]:
        """The hub's token, where a model of the host is behind a licence."""
        return tuple(
            GivenSecret(
                HUB_TOKEN,
                f"{model.name} is gated, and the secret store has no token of the hub",
                f"accept the licence on https://huggingface.co/{model.repository}, make a token on "
                "https://huggingface.co/settings/tokens that may read gated repositories, then: "
                f"make secret NAME={HUB_TOKEN} GIVE=1",
            )
            for model in self.held
            if model.gated
        )


def held_by(machine: Machine) -> tuple[Model, ...]:
    """The models that `machine` holds; none where it does not have this role."""
    models = machine.settings.get(Models.role)
    return models.held if isinstance(models, Models) else ()


@deploy("Models")
def install() -> None:
    settings = Models.of(host)
    packages.installed(name="Install Python", packages=python_environment.PACKAGES)
    client = PythonEnvironment(CLIENT, "client", REQUIREMENTS.read_bytes())
    service.deployed(
        name="Install the client of the hub",
        service="models",
        entries=[
            *client.entries(),
            Directory(f"{CLIENT}/fetch"),
            *(
                File(f"{CLIENT}/fetch/{module.name}", module.read_bytes())
                for module in sorted(FETCH.glob("*.py"))
            ),
        ],
        steps=Steps(
            prepare=client.preparation(),
            probe=f"{client.link}/bin/hf version",
            live=client.live,
        ),
    )
    model.present(
        name="Have the models of the catalogue",
        models=downloads(settings),
        shelf=_shelf(settings),
        token=_token(settings),
    )


@deploy("Remove the models' client")
def remove() -> None:
    """Take the client off; the models stay."""
    retirement.service_removed(name="Remove the client of the hub", service="models")
    files.directory(name="Remove what it was made of", path=CLIENT, present=False)


@deploy("Remove old models")
def remove_undeclared() -> None:
    """Remove the models that the host no longer holds, and revisions that others superseded."""
    settings = Models.of(host)
    model.undeclared_removed(
        name="Remove what the catalogue no longer has",
        models=downloads(settings),
        shelf=_shelf(settings),
    )


def downloads(settings: Models) -> list[Download]:
    """The models that a host holds, as they are asked from the hub."""
    return [
        Download(
            held.name,
            held.repository,
            held.revision,
            tuple(Wanted(file.path, file.bytes, file.sha256) for file in held.files),
            held.gated,
        )
        for held in settings.held
    ]


def client_environment(settings: Models) -> dict[str, str]:
    """What the client is told: where `fetch` lies, that nobody counts it, whom it trusts."""
    return {
        "PYTHONPATH": CLIENT,
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
        "HF_XET_CHUNK_CACHE_SIZE_BYTES": "0",
        "HF_HOME": f"{settings.directory}/.incoming/.client",
        "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt",
        **({"HF_ENDPOINT": settings.hub} if settings.hub else {}),
    }


def _shelf(settings: Models) -> Shelf:
    return Shelf(
        root=settings.directory,
        fetch=f"{CLIENT}/client/bin/python -B -m fetch",
        lock=model_lock.path_in(host.data),
        reserve_bytes=settings.reserve_gib * GIB,
        environment=client_environment(settings),
    )


def _token(settings: Models) -> SecretStr | None:
    if not settings.given_secrets():
        return None
    return secret_store.for_data(host.data).get(HUB_TOKEN)
