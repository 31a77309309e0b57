"""MLflow on a bare host: Python first, then everything in one landing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import secret_store
from deploys import mlflow
from deploys.base import Base
from deploys.mlflow import ADMIN_PASSWORD, Mlflow
from tests.fake_host import Run, run

BARE: dict[str, Any] = {
    "wanted=$(cat)": ["end"],
    "names=$(cat)": ["will\tpython3-venv\t3.13.5-1", "end"],
}
LANDING = "services/mlflow/transaction/transaction.sh start"


@pytest.fixture
def data(tmp_path: Path) -> dict[str, Any]:
    store = {
        "secret_store": str(tmp_path / "secrets"),
        "secret_identity": str(tmp_path / "identity.txt"),
    }
    secret_store.for_data(store).ensure(Mlflow().secrets())
    network = {"domain": "example.home.arpa", "networks": ["192.0.2.0/24"]}
    return {**store, **network, "base": Base(), "mlflow": Mlflow(), "ssh_hostname": "192.0.2.1"}


def roll_out(data: dict[str, Any]) -> Run:
    return run(mlflow.install, BARE, data, groups=("base", "mlflow"))


def test_python_is_there_before_the_environment_is_made(data: dict[str, Any]) -> None:
    outcome = roll_out(data)
    assert outcome.succeeded
    (install,) = (n for n, text in enumerate(outcome.commands) if "action=install" in text)
    (land,) = (n for n, text in enumerate(outcome.commands) if LANDING in text)
    assert install < land


def test_one_landing_brings_the_lock_the_unit_and_the_secrets(data: dict[str, Any]) -> None:
    outcome = roll_out(data)
    assert sum(LANDING in text for text in outcome.commands) == 1


def test_no_secret_is_in_a_command(data: dict[str, Any]) -> None:
    value = secret_store.for_data(data).get(ADMIN_PASSWORD).get_secret_value()
    assert not [text for text in roll_out(data).commands if value in text]
