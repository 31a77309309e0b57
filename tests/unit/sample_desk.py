"""A desk whose programs are told of the services of an inventory.

A file of tests has it by importing all that is here: it is a fixture.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deploys.base import Base
from deploys.git import Git
from deploys.nginx import Nginx
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from deploys.workstation import entries
from deploys.workstation_desk import Desk
from facts.person import Person
from operations.entries import File
from secret_store import SecretStore

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0wm1W1S2r0vG0Y0m1dL5sJb5Yq5pO1QXz0m0d1a2b3"
ADA = Person(True, "people", "/home/ada", "ada", (KEY,))


def _machine(name: str, address: str, *roles: str, pins: Path, **held: Settings) -> Machine:
    data: dict[str, Any] = {"domain": "example.home.arpa", "ssh_known_hosts_file": str(pins)}
    return Machine(name, address, (*held, *roles), held, data)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    pins = tmp_path / "known_hosts"
    pins.write_text(f"192.0.2.1 {KEY}\n192.0.2.3 {KEY}\n")
    store = SecretStore(tmp_path / "secrets", tmp_path / "identity.txt")
    store.ensure(["vllm/api-key", "llama_cpp/api-key", "mlflow/admin-password"])
    own = _machine("desk", "192.0.2.1", "workstation", pins=pins)
    others = (
        _machine("door", "192.0.2.2", pins=pins, base=Base(), nginx=Nginx()),
        _machine("notes", "192.0.2.3", "vault", pins=pins, git=Git(keys=(f"{KEY} ada@desk",))),
        _machine("runs", "192.0.2.4", "mlflow", "vllm", "llama_cpp", pins=pins),
    )
    return Desk(
        user="ada",
        model_server="vllm",
        ssh_user="",
        vault_folder="Vault",
        firefox=True,
        person=ADA,
        topology=Topology((own, *others), ()),
        machine=own,
        authority=b"-----BEGIN CERTIFICATE-----\n",
        store=store,
    )


def contents(desk: Desk) -> dict[str, str]:
    return {
        entry.path: entry.content.decode() for entry in entries(desk) if isinstance(entry, File)
    }


def secret(desk: Desk, name: str) -> str:
    return desk.store.get(name).get_secret_value()
