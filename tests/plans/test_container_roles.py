"""The roles of a host of containers: what they run on a host that has nothing of them yet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import secret_store
from budget.architecture import Architecture
from deploys import docker, embeddings, llama_cpp, models
from deploys.catalogue import Model, ModelFile
from deploys.docker import Docker
from deploys.embeddings import Embeddings
from deploys.llama_cpp import LlamaCpp
from deploys.models import Models
from tests.fake_host import Run, run

MODEL = Model(
    name="small",
    repository="owner/Small",
    revision="a" * 40,
    files=(ModelFile(path="small.gguf", bytes=10, sha256="b" * 64),),
    licence="mit",
    format="gguf",
    architecture=Architecture(context_tokens=4096, vocabulary=32_000),
)
IMAGE = f"ghcr.io/x/y:1@sha256:{'d' * 64}"
SETTINGS: dict[str, Any] = {
    "docker": Docker(),
    "models": Models(catalogue=(MODEL,)),
    "llama_cpp": LlamaCpp(image=IMAGE, model="small", threads=2),
    "embeddings": Embeddings(image=IMAGE, model="small", threads=2),
}
STACKS = {"llama_cpp": llama_cpp.install, "embeddings": embeddings.install}
REMOVALS = {"llama_cpp": llama_cpp.remove, "embeddings": embeddings.remove}
BARE: dict[str, Any] = {
    "/etc/nv_tegra_release": ["end"],
    "disks=": ["root\t/var/lib/docker", "end"],
    "/etc/os-release": ["ID=debian", 'VERSION_ID="13"', "VERSION_CODENAME=trixie"],
    "end of sources": ["source\tdocker", "end", "key\tS0VZ", "end of sources"],
    "names=$(cat)": ["will\tdemo\t1.0", "end"],
    "wanted=$(cat)": ["end"],
    "project=llama_cpp": ["end"],
    "project=embeddings": ["end"],
    "root=/srv/models\n": ["end"],
}
OLD = {**BARE, "/etc/os-release": {"success": False, "stderr": "No such file or directory"}}


@pytest.fixture
def data(tmp_path: Path) -> dict[str, Any]:
    """What the host has by inventory."""
    store = {
        "secret_store": str(tmp_path / "secrets"),
        "secret_identity": str(tmp_path / "identity.txt"),
    }
    secret_store.for_data(store).ensure([f"{role}/api-key" for role in STACKS])
    lock = {"model_lock": str(tmp_path / "models.lock.json")}
    return {**store, **lock, **SETTINGS, "ssh_hostname": "192.0.2.1"}


def roll_out(install: Callable[[], object], data: dict[str, Any], answers: dict[str, Any]) -> Run:
    return run(install, answers, data, groups=tuple(SETTINGS))


def steps(outcome: Run) -> list[str]:
    """The steps that change something, by what they run."""
    marks = {
        "action=install": "install packages",
        "services/docker/transaction/transaction.sh start": "land docker",
        "services/apt-docker/transaction/transaction.sh start": "land apt-docker",
        "services/models/transaction/transaction.sh start": "land models",
        "services/llama_cpp/transaction/transaction.sh start": "land llama_cpp",
        "services/embeddings/transaction/transaction.sh start": "land embeddings",
        "-m fetch": "download",
    }
    return [name for command in outcome.commands for mark, name in marks.items() if mark in command]


@pytest.mark.parametrize(
    ("install", "expected"),
    [
        (docker.install, ["install packages", "land docker"]),
        (models.install, ["install packages", "land models", "download"]),
        (llama_cpp.install, ["land llama_cpp"]),
        (embeddings.install, ["land embeddings"]),
    ],
)
def test_on_a_bare_host_each_thing_comes_after_what_it_needs(
    install: Callable[[], object], expected: list[str], data: dict[str, Any]
) -> None:
    outcome = roll_out(install, data, BARE)
    assert outcome.succeeded
    assert steps(outcome) == expected


def test_the_engine_and_its_plugin_come_from_the_distribution(data: dict[str, Any]) -> None:
    ubuntu = {**BARE, "/etc/os-release": ["ID=ubuntu", 'VERSION_ID="22.04"']}
    for answers, plugin in ((BARE, "docker-compose"), (ubuntu, "docker-compose-v2")):
        (command,) = (
            text
            for text in roll_out(docker.install, data, answers).commands
            if "action=install" in text
        )
        assert plugin in command.replace("'", " ").replace('"', " ").split()


def installing(outcome: Run) -> str:
    (command,) = (text for text in outcome.commands if "action=install" in text)
    return command.replace("'", " ").replace('"', " ")


def test_docker_s_repository_is_there_before_its_packages(data: dict[str, Any]) -> None:
    outcome = roll_out(docker.install, {**data, "docker": Docker(source="docker")}, BARE)
    assert outcome.succeeded
    assert steps(outcome) == ["land apt-docker", "install packages", "land docker"]
    assert "containerd.io curl docker-buildx-plugin" in installing(outcome)


def test_what_the_other_source_left_goes_in_the_same_step(data: dict[str, Any]) -> None:
    found = ["have\tdocker.io\tinstalled\t26.1\tinstall", "gone\tdocker.io", "end"]
    answers = {**BARE, "names=$(cat)": found, "com.docker.compose": ["end"]}
    outcome = roll_out(docker.install, {**data, "docker": Docker(source="docker")}, answers)
    assert outcome.succeeded
    assert "docker-compose-plugin docker.io-" in installing(outcome)
    assert "action=before" in installing(outcome)
    assert "action=after" in installing(outcome)


def test_a_distribution_that_cannot_be_read_fails_the_host_unchanged(
    data: dict[str, Any],
) -> None:
    outcome = roll_out(docker.install, data, OLD)
    assert not outcome.succeeded
    assert steps(outcome) == []


@pytest.mark.parametrize("role", STACKS)
def test_the_key_is_in_no_command(role: str, data: dict[str, Any]) -> None:
    key = secret_store.for_data(data).get(f"{role}/api-key").get_secret_value()
    commands = roll_out(STACKS[role], data, BARE).commands
    assert not any(key in command for command in commands)


@pytest.mark.parametrize("role", REMOVALS)
def test_a_stack_that_is_not_there_is_not_removed(role: str, data: dict[str, Any]) -> None:
    outcome = roll_out(REMOVALS[role], data, BARE)
    assert outcome.succeeded
    assert steps(outcome) == []
