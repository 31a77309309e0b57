"""Faults: an image that cannot be had, is another one, or never becomes healthy."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from lab.checkout import LOCK_FILE
from lab.outside import HOST as OUTSIDE
from tests.lab import gateway
from tests.lab.conftest import converge, repair, shell
from tests.lab.overlay import Overlay
from tests.lab.request_loop import RequestLoop

SERVER = "schlimers-server"
ROLE = "deploys.llama_cpp.install"
HEALTHY_SECONDS = 20
RUNNING = "docker ps --quiet --filter label=com.docker.compose.project=llama_cpp"
STARTED = f"docker inspect --format '{{{{.State.StartedAt}}}}' $({RUNNING})"
DIGESTS = "/var/lib/ai-idp/stacks/llama_cpp/digests"


@pytest.fixture(scope="module", autouse=True)
def start_converged() -> None:
    """Every test here finds a converged server and leaves one."""
    converge(SERVER)


@pytest.fixture
def overlay(tmp_path: Path) -> Generator[Overlay]:
    yield Overlay(tmp_path)
    converge(SERVER, deploy=ROLE)


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
        run = overlay.apply(SERVER, deploy=ROLE)
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
    repair(SERVER, deploy="deploys.embeddings.install")


def test_while_a_server_is_down_the_gateway_says_when_to_come_again(
    stopped_embeddings: None,
) -> None:
    assert gateway.refusal("/embeddings/v1/models") == (503, "10")
    gateway.complete()


def test_a_good_image_replaces_the_old_one_and_back(overlay: Overlay) -> None:
    before = running()
    overlay.update("llama_cpp", image=variant("upgrade"))
    run = overlay.apply(SERVER, deploy=ROLE)
    assert run.returncode == 0, run.stderr
    assert running() == variant("upgrade") != before
    gateway.complete()
    repair(SERVER, deploy=ROLE)
    assert running() == before
    gateway.complete()


def test_a_registry_that_cannot_be_reached_leaves_the_old_stack_serving(overlay: Overlay) -> None:
    before, started = running(), shell(SERVER, STARTED)
    image = variant("unhealthy")
    overlay.update("llama_cpp", image=image)
    shell(SERVER, f"docker image rm {image}", check=False)
    shell(OUTSIDE, "systemctl stop nginx")
    try:
        run = overlay.apply(SERVER, deploy=ROLE)
        gateway.complete()
    finally:
        shell(OUTSIDE, "systemctl start nginx")
    assert run.returncode != 0
    assert f"{image} cannot be had; see that this host reaches its registry" in run.stderr
    assert "refused at 'prepare', nothing was changed" in run.stderr
    assert (running(), shell(SERVER, STARTED)) == (before, started)


def test_images_outlive_a_failed_rollout_and_go_with_the_second_good_one(
    overlay: Overlay,
) -> None:
    first, second = running(), variant("upgrade")
    overlay.update("llama_cpp", image=second)
    assert overlay.apply(SERVER, deploy=ROLE).returncode == 0
    overlay.update("llama_cpp", image=variant("unhealthy"), start_seconds=HEALTHY_SECONDS)
    assert overlay.apply(SERVER, deploy=ROLE).returncode != 0
    kept = shell(SERVER, "cat /var/lib/ai-idp/stacks/llama_cpp/images").split()
    assert kept == [second, first]
    for image in [*kept, variant("unhealthy")]:
        shell(SERVER, f"docker image inspect {image}")
    overlay.update("llama_cpp", image=first, start_seconds=3 * HEALTHY_SECONDS)
    assert overlay.apply(SERVER, deploy=ROLE).returncode == 0
    gone = shell(SERVER, f"docker image inspect {variant('unhealthy')} 2>&1", check=False)
    assert "No such image" in gone
    shell(SERVER, f"docker image inspect {second}")


def test_a_tag_that_was_given_to_other_bytes_is_refused_before_anything_stops(
    overlay: Overlay,
) -> None:
    tag = variant("upgrade").partition("@")[0]
    overlay.update("llama_cpp", image=tag)
    assert overlay.apply(SERVER, deploy=ROLE).returncode == 0
    assert tag in shell(SERVER, f"cat {DIGESTS}")
    before, started = running(), shell(SERVER, STARTED)
    # What a push of other bytes looks like from here: the tag is another image on the next pull.
    shell(SERVER, f"sed -i 's#^{tag} .*#{tag} sha256:{'0' * 64}#' {DIGESTS}")
    overlay.update("llama_cpp", image=tag, memory_limit_mib=2561)
    run = overlay.apply(SERVER, deploy=ROLE)
    assert run.returncode != 0
    assert f"the first that this host took was sha256:{'0' * 64}" in run.stderr
    assert "refused at 'prepare', nothing was changed" in run.stderr
    assert (running(), shell(SERVER, STARTED)) == (before, started)
    shell(SERVER, f"rm {DIGESTS}")
