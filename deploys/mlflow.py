"""MLflow: runs with their parameters, metrics and artifacts, for people and programs that log in.

Listens on the host's address, at the gateway below /mlflow/. Keeps runs and users in
/var/lib/mlflow/mlflow.db and auth.db, artifacts in /var/lib/mlflow/artifacts, also when the role is
removed. Each start migrates the databases where the version asks for it; the copies from before an
upgrade lie in /var/lib/mlflow/versions.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field
from pyinfra import host, inventory
from pyinfra.api.deploy import deploy
from pyinfra.operations import files

import secret_store
from deploys import python_environment
from deploys.declarations import Backup, DiskClaim, MemoryClaim, Port, Route
from deploys.gateway import base_url, host_names
from deploys.python_environment import PythonEnvironment
from deploys.rendering import render
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from operations import packages, retirement, service
from operations.entries import Entry, File
from operations.transaction import Steps
from secret_store import SecretStore

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = "/opt/ai-idp/mlflow"
OWN_FILES = Path(__file__).parent.parent / "files"
REQUIREMENTS = OWN_FILES / "mlflow" / "requirements.txt"
TOOL_SOURCE = OWN_FILES / "mlflow" / "tracking_server.py"
VERSIONED_DATA_SOURCE = OWN_FILES / "versioned_data" / "versioned-data"

UNIT = USER = "mlflow"
UNIT_FILE = f"/etc/systemd/system/{UNIT}.service"
DIRECTORY = "/etc/mlflow"
DATA = "/var/lib/mlflow"
DATABASES = (f"{DATA}/mlflow.db", f"{DATA}/auth.db")
ARTIFACTS = f"{DATA}/artifacts"
PASSWORD_FILE = f"{DIRECTORY}/admin-password"
TOOL = "/usr/local/lib/ai-idp/tracking_server.py"
VERSIONED_DATA = "/usr/local/lib/ai-idp/versioned-data"

PATH = "/mlflow/"
ADMIN_PASSWORD = "mlflow/admin-password"
START_SECONDS = 600
"""For a start that migrates large databases."""
GIB = 1024**3


class Mlflow(Settings):
    """Where MLflow answers, and what it may take. Its version is that of the lock."""

    role: ClassVar[str] = "mlflow"

    port: int = Field(default=5000, ge=1, le=65535, description="Port of the API and the pages")
    memory_limit_mib: int = Field(
        default=1024, ge=768, description="Most memory that it may take of its host"
    )
    disk_gib: int = Field(
        default=32,
        ge=1,
        description="Space that runs and artifacts are expected to take; nothing enforces it",
    )

    def ports(self) -> tuple[Port, ...]:
        return (Port(self.port, "runs and artifacts", ("nginx", "n8n", "prometheus")),)

    def route(self) -> Route:
        return Route(self.port, "MLflow", page=PATH)

    def secrets(self) -> tuple[str, ...]:
        return (ADMIN_PASSWORD,)

    def memory(self, machine: Machine) -> tuple[MemoryClaim, ...]:
        return (MemoryClaim(self.memory_limit_mib),)

    def disk(self, machine: Machine) -> tuple[DiskClaim, ...]:
        return (DiskClaim(DATA, self.disk_gib * GIB),)

    def backups(self, machine: Machine) -> tuple[Backup, ...]:
        """Runs, users, artifacts, and which version used them well.

        The drill serves them once more, where nobody sees it.
        """
        drill = render("mlflow/steps/drill.sh.j2", **_places(_environment())).decode()
        return (Backup("mlflow", (DATA,), DATABASES, (UNIT,), drill),)


@deploy("MLflow")
def install() -> None:
    settings = Mlflow.of(host)
    topology = Topology.of(inventory)
    environment = _environment()
    packages.installed(name="Install Python", packages=python_environment.PACKAGES)
    service.deployed(
        name="Deploy the server",
        service="mlflow",
        entries=[
            *environment.entries(),
            *configuration(settings, topology, topology.machine(host.name), environment),
            password_file(secret_store.for_data(host.data)),
        ],
        units=[UNIT],
        steps=steps(environment),
    )


@deploy("Remove MLflow")
def remove() -> None:
    """Take MLflow off the host; runs, users and artifacts stay in /var/lib/mlflow."""
    retirement.service_removed(name="Remove the server", service="mlflow", units=[UNIT])
    files.directory(name="Remove what it was made of", path=PROGRAM, present=False)


def version(requirements: bytes) -> str:
    """Of MLflow, as a lock pins it; ValueError where it does not."""
    found = re.search(rb"^mlflow==([\d.]+)", requirements, re.MULTILINE)
    if found is None:
        raise ValueError("the lock pins no version of mlflow; make it anew with `make lock-mlflow`")
    return found[1].decode()


def configuration(
    settings: Mlflow, topology: Topology, machine: Machine, environment: PythonEnvironment
) -> list[Entry]:
    """Everything but the environment and the password."""
    endpoint = f"{machine.address}:{settings.port}"
    values = {
        **_places(environment),
        "settings": settings,
        "address": machine.address,
        "version": version(environment.requirements),
        "allowed_hosts": ",".join([*_gateway_names(topology), endpoint]),
        "allowed_origin": base_url(topology) or f"http://{endpoint}",
    }
    texts = {
        f"/etc/sysusers.d/{USER}.conf": "sysusers.conf",
        f"{DIRECTORY}/environment": "environment",
        f"{DIRECTORY}/basic_auth.ini": "basic_auth.ini",
        UNIT_FILE: "mlflow.service",
    }
    return [
        *(File(path, render(f"mlflow/{name}.j2", **values)) for path, name in texts.items()),
        File(TOOL, TOOL_SOURCE.read_bytes(), mode="0755"),
        File(VERSIONED_DATA, VERSIONED_DATA_SOURCE.read_bytes(), mode="0755"),
    ]


def password_file(store: SecretStore) -> File:
    """What the roll-out alone reads: the server knows a hash of it."""
    value = store.get(ADMIN_PASSWORD).get_secret_value()
    return File(PASSWORD_FILE, f"{value}\n".encode(), mode="0600", secret=True)


def steps(environment: PythonEnvironment) -> Steps:
    """What has to hold beside the files: the account, the environment, and the password."""
    values = _places(environment)
    return Steps(
        prepare=environment.preparation() + render("mlflow/steps/account.sh.j2").decode(),
        activate=render("mlflow/steps/activate.sh.j2", **values).decode(),
        probe=f"python3 -B {TOOL} probe {UNIT_FILE}\n",
        live=f"python3 -B {TOOL} state; {environment.live}",
    )


def _environment() -> PythonEnvironment:
    return PythonEnvironment(PROGRAM, "server", REQUIREMENTS.read_bytes())


def _places(environment: PythonEnvironment) -> dict[str, object]:
    return {
        "program": f"{environment.folder}/bin/mlflow",
        "unit": UNIT,
        "user": USER,
        "directory": DIRECTORY,
        "data": DATA,
        "databases": DATABASES,
        "artifacts": ARTIFACTS,
        "tool": TOOL,
        "versioned_data": VERSIONED_DATA,
        "start_seconds": START_SECONDS,
    }


def _gateway_names(topology: Topology) -> Iterator[str]:
    for gateway in topology.having("nginx"):
        yield from host_names(gateway)
