"""Faults: a model file with one wrong byte, from the hub or on the host, is never served."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from lab.checkout import LOCK_FILE
from lab.group_data.models import models
from tests.lab import gateway
from tests.lab.conftest import changed, converge, plan, shell
from tests.lab.overlay import Overlay

SERVER = "schlimers-server"
MODEL = models.named("llama-3.2-3b-instruct")
PATH = f"{models.folder(MODEL)}/{MODEL.main_file}"
OTHER_FILE = "Llama-3.2-1B-Instruct-Q4_K_M.gguf"


@pytest.fixture(scope="module", autouse=True)
def start_converged(lab_converged: None) -> None:
    """Every test here finds a converged lab and leaves one."""


@pytest.fixture
def overlay(tmp_path: Path) -> Generator[Overlay]:
    yield Overlay(tmp_path)
    converge(SERVER)
    gateway.complete()


@pytest.fixture
def damaged_file(overlay: Overlay) -> None:
    """The served file has one other byte in its middle, and its old size."""
    shell(SERVER, f"printf X | dd of={PATH} bs=1 seek=700000 conv=notrunc status=none")


def good() -> dict[str, Any]:
    """The catalogue's entry that the lab rolls out."""
    return _entry("models", MODEL.main_file)


def damaged(file: str) -> dict[str, Any]:
    """A catalogue's entry under a revision of which the hub has one byte wrong."""
    return _entry("damaged", file)


def _entry(kind: str, file: str) -> dict[str, Any]:
    locked = json.loads(LOCK_FILE.read_text())[kind][file]
    entry = {"path": file, "bytes": locked["bytes"], "sha256": locked["sha256"]}
    pinned = {"repository": locked["repository"], "revision": locked["revision"]}
    return {**MODEL.model_dump(mode="json"), **pinned, "files": [entry]}


def digests() -> dict[str, str]:
    """Sums of all files that lie in the models' directory, leftovers of downloads included."""
    lines = shell(SERVER, f"find {models.directory} -type f -exec sha256sum {{}} +").splitlines()
    return {path: digest for digest, path in (line.split("  ", 1) for line in lines)}


def model_digests() -> dict[str, str]:
    return {path: digest for path, digest in digests().items() if path.endswith(".gguf")}


def test_a_model_that_the_hub_has_damaged_is_thrown_away_and_the_old_one_serves(
    overlay: Overlay,
) -> None:
    new = {**damaged(OTHER_FILE), "name": "llama-3.2-1b-instruct"}
    overlay.update("models", catalogue=[good(), new])
    overlay.update("llama_cpp", model="llama-3.2-1b-instruct")
    before = model_digests()
    run = overlay.apply(SERVER)
    assert run.returncode != 0
    assert f"has as {OTHER_FILE} is not the model of the catalogue" in run.stderr
    assert f"expected {new['files'][0]['sha256']}" in run.stderr
    assert model_digests() == before
    gateway.complete()


def test_a_damaged_file_on_the_host_is_named_by_the_plan_and_replaced(damaged_file: None) -> None:
    wanted = good()["files"][0]["sha256"]
    assert model_digests()[PATH] != wanted
    assert ("model", "replace", MODEL.name) in changed(plan(SERVER))[SERVER]
    converge(SERVER)
    assert model_digests() == {PATH: wanted}


def test_a_damaged_file_is_not_served_even_where_the_hub_has_no_good_one(
    overlay: Overlay, damaged_file: None
) -> None:
    overlay.update("models", catalogue=[damaged(MODEL.main_file)])
    run = overlay.apply(SERVER)
    assert run.returncode != 0
    assert "is not the model of the catalogue" in run.stderr
    assert model_digests() == {}
    with pytest.raises(AssertionError, match="answered 503"):
        gateway.complete()
