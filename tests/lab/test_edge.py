"""Edge: the Jetson's model behind the gateway, and images that would not use its GPU."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import inventory_json
from deploys.edge import API_KEY
from lab.checkout import LOCK_FILE, ROOT
from tests.lab import gateway
from tests.lab.conftest import INVENTORY, converge, repair, shell
from tests.lab.metrics_database import Database
from tests.lab.overlay import Overlay
from tests.lab.waiting import wait_until

JETSON = "jetson"
ROLE = "deploys.edge.install"
CHAT = "/edge/v1/chat/completions"
OPENING: dict[str, Any] = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 4}
CONTAINER = "edge-server-1"
STARTED = f"docker inspect --format '{{{{.Config.Image}}}} {{{{.State.StartedAt}}}}' {CONTAINER}"
IMAGES = "docker images --all --no-trunc --quiet | sort"
DRIVER = "/usr/lib/aarch64-linux-gnu/nvidia/libcuda.so.1"
LOOK = "systemctl start ai-idp-container-health"
"""What its timer does each minute."""
PLAY = "/usr/local/lib/lab/jetson/play"


@pytest.fixture(scope="module", autouse=True)
def start_converged() -> None:
    """Every test here finds a converged server and leaves one."""
    converge(JETSON, deploy=ROLE)


@pytest.fixture
def overlay(tmp_path: Path) -> Overlay:
    return Overlay(tmp_path)


def answers() -> bool:
    return gateway.ask(CHAT, OPENING, API_KEY)[0] == 200


def variant(name: str) -> str:
    image: str = json.loads(LOCK_FILE.read_text())["variants"]["edge"][name]
    return image


def test_it_answers_behind_the_gateway_for_its_key_alone() -> None:
    status, text = gateway.ask(CHAT, OPENING, API_KEY)
    assert status == 200
    assert json.loads(text)["model"] == "llama-3.2-1b-instruct"
    assert gateway.ask(CHAT, OPENING, None)[0] == 401
    # The key of another server is none for this one.
    assert gateway.ask(CHAT, OPENING)[0] == 401
    assert gateway.ask("/edge/metrics", None, API_KEY)[0] == 404


def test_it_streams_behind_the_gateway() -> None:
    status, text = gateway.ask(CHAT, {**OPENING, "stream": True}, API_KEY)
    events = [line for line in text.split("\n\n") if line]
    assert status == 200
    assert len(events) >= 4
    assert events[-1] == "data: [DONE]"


def test_prometheus_has_its_metrics_and_the_boards() -> None:
    database = Database(inventory_json.topology(inventory_json.read(ROOT / INVENTORY)))
    names = ('llamacpp:requests_processing{job="edge"}', "jetson_temperature_celsius")
    found = database.values(names)
    for name in names:
        assert {series["metric"]["instance"] for series in found[name]} == {JETSON}, name


@contextmanager
def late_address() -> Generator[None]:
    """The board as it boots behind a slow switch: Docker starts, and there is no address yet."""
    address = shell(JETSON, "ip -o -4 addr show dev eth0 | awk '{print $4}'").strip()
    route = shell(JETSON, "ip -4 route show default").strip()
    process = shell(JETSON, f"docker inspect --format '{{{{.State.Pid}}}}' {CONTAINER}").strip()
    shell(JETSON, f"systemctl stop docker.socket docker; kill -9 {process}")
    shell(JETSON, f"ip address del {address} dev eth0")
    try:
        shell(JETSON, "systemctl start docker")
        yield
    finally:
        shell(JETSON, f"ip address add {address} dev eth0; ip route replace {route}")


def test_a_server_whose_address_comes_after_docker_is_started() -> None:
    error = f"docker inspect --format '{{{{.State.Error}}}}' {CONTAINER}"
    with late_address():
        wait_until("Docker gives up", lambda: "cannot assign" in shell(JETSON, error))
    shell(JETSON, LOOK)
    wait_until("it answers", answers, 120)


def test_what_a_power_cut_left_stopped_amid_an_exchange_of_the_engine_is_started() -> None:
    """As operations/engine.sh leaves it: the container stopped, and written down."""
    shell(
        JETSON,
        f"docker inspect --format '{{{{.Id}}}}' {CONTAINER} >/var/lib/ai-idp/engine.running;"
        f" docker stop {CONTAINER}; {LOOK}",
    )
    wait_until("it answers", answers, 120)


def test_an_image_that_would_compute_on_the_processor_is_refused_before_anything_stops(
    overlay: Overlay,
) -> None:
    started = shell(JETSON, STARTED)
    overlay.update("edge", images={36: variant("newer_cuda")})
    run = overlay.apply(JETSON, deploy=ROLE)
    assert run.returncode != 0
    assert "CUDA driver version is insufficient for CUDA runtime version" in run.stderr
    assert f"{variant('newer_cuda')} finds no GPU on this host" in run.stderr
    assert "refused at 'validate', nothing was changed" in run.stderr
    assert shell(JETSON, STARTED) == started
    assert answers()


def test_a_tag_that_does_not_fit_is_refused_before_anything_is_downloaded(
    overlay: Overlay,
) -> None:
    before = shell(JETSON, IMAGES), shell(JETSON, STARTED)
    image = f"ghcr.io/nvidia-ai-iot/llama_cpp:latest-jetson-orin@sha256:{'1' * 64}"
    overlay.update("edge", images={36: image})
    run = overlay.apply(JETSON, deploy=ROLE)
    assert run.returncode != 0
    assert f"`{image}` does not run on the GPU of a board with r36" in run.stderr
    assert (shell(JETSON, IMAGES), shell(JETSON, STARTED)) == before
    assert answers()


def test_a_release_without_an_image_is_refused_before_anything_is_downloaded(
    overlay: Overlay,
) -> None:
    before = shell(JETSON, IMAGES), shell(JETSON, STARTED)
    overlay.update("edge", images={39: variant("r39")})
    run = overlay.apply(JETSON, deploy=ROLE)
    assert run.returncode != 0
    assert "group_data/edge.py has an image for r39 alone" in run.stderr
    assert (shell(JETSON, IMAGES), shell(JETSON, STARTED)) == before
    assert answers()


@pytest.fixture
def older_driver() -> Generator[None]:
    """What a board has after somebody put an older Jetson Linux on it."""
    shell(JETSON, f"cp -p {DRIVER} /run/libcuda && echo 'CUDA 12.2' >{DRIVER}")
    yield
    shell(JETSON, f"cp -p /run/libcuda {DRIVER}; docker restart {CONTAINER}")
    wait_until("the server is back", answers, seconds=30)


@pytest.mark.usefixtures("older_driver")
def test_a_server_that_comes_back_without_its_gpu_does_not_serve_from_the_processor() -> None:
    shell(JETSON, f"docker restart --time 2 {CONTAINER}")
    said, words = f"docker logs --tail 20 {CONTAINER} 2>&1", "invalid device: CUDA0"
    wait_until("it says why it ends", lambda: words in shell(JETSON, said), seconds=20)
    assert gateway.ask(CHAT, OPENING, API_KEY)[0] == 503


@pytest.fixture
def newer_board() -> Generator[None]:
    shell(JETSON, f"{PLAY} r39")
    yield
    shell(JETSON, f"{PLAY} r36")
    repair(JETSON, deploy=ROLE)


@pytest.mark.usefixtures("newer_board")
def test_a_newer_board_gets_the_image_that_was_made_for_it() -> None:
    repair(JETSON, deploy=ROLE)
    assert shell(JETSON, STARTED).startswith(f"{variant('r39')} ")
    assert answers()
