"""Faults: an image that never becomes healthy, after which the previous stack answers again."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from lab.checkout import LOCK_FILE
from tests.lab import gateway
from tests.lab.conftest import converge, shell
from tests.lab.overlay import Overlay
from tests.lab.request_loop import RequestLoop

SERVER = "schlimers-server"
HEALTHY_SECONDS = 10
RUNNING = "docker ps --quiet --filter label=com.docker.compose.project=llama_cpp"


@pytest.fixture(scope="module", autouse=True)
def start_converged(lab_converged: None) -> None:
    """Every test here finds a converged lab and leaves one."""


@pytest.fixture
def overlay(tmp_path: Path) -> Generator[Overlay]:
    yield Overlay(tmp_path)
    converge(SERVER)


def variant(name: str) -> str:
    """An image that the lab's registry has beside the one that is rolled out."""
    image: str = json.loads(LOCK_FILE.read_text())["variants"]["llama_cpp"][name]
    return image


def running() -> str:
    """The image of the stack's only container."""
    return shell(SERVER, f"docker inspect --format '{{{{.Config.Image}}}}' $({RUNNING})").strip()


def test_an_image_that_never_becomes_healthy_gives_way_to_the_previous_stack(
    overlay: Overlay, record_property: Callable[[str, object], None]
) -> None:
    overlay.update("llama_cpp", image=variant("unhealthy"), start_seconds=HEALTHY_SECONDS)
    before = running()
    with RequestLoop(gateway.complete) as client:
        run = overlay.apply(SERVER)
        gateway.complete()
        client.reach(len(client.requests) + 1)
    record_property("gap_seconds", round(client.gap_seconds, 1))
    print(f"no completions for {client.gap_seconds:.1f} s")
    assert run.returncode != 0
    assert "tensor data is not within the file bounds" in run.stderr, "the container's log is lost"
    assert client.problems, "the faulty image was never tried"
    assert running() == before


@pytest.fixture
def stopped_embeddings() -> Generator[None]:
    shell(SERVER, f"docker stop $({RUNNING.replace('llama_cpp', 'embeddings')})")
    yield
    converge(SERVER)


def test_while_a_server_is_down_the_gateway_says_when_to_come_again(
    stopped_embeddings: None,
) -> None:
    assert gateway.refusal("/embeddings/v1/models") == (503, "10")
    gateway.complete()


def test_a_good_image_replaces_the_old_one_and_back(overlay: Overlay) -> None:
    before = running()
    overlay.update("llama_cpp", image=variant("upgrade"))
    run = overlay.apply(SERVER)
    assert run.returncode == 0, run.stderr
    assert running() == variant("upgrade") != before
    gateway.complete()
    converge(SERVER)
    assert running() == before
    gateway.complete()
