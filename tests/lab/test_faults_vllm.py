"""Faults of vLLM: arguments that its image does not know, a start that fails, another model."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

import secret_store
from deploys.vllm import API_KEY
from deploys.vllm_stack import PROJECT
from lab import network
from lab.checkout import LOCK_FILE, container_name
from lab.servers.vllm import GONE
from tests.lab.altered_checkout import AlteredCheckout
from tests.lab.conftest import INVENTORY, converge, inventory_hosts, repair, shell
from tests.lab.overlay import Overlay
from tests.lab.request_loop import RequestLoop

SERVER, CLIENT = "schlimers-server", "sclimers-gateway"
ROLE = "deploys.vllm.install"
MODEL, OTHER_MODEL = "llama-3.1-8b-instruct-fp8", "qwen2.5-7b-instruct-awq"
HEALTHY_SECONDS = 20
ANSWER_SECONDS = 20
RUNNING = f"docker ps --quiet --filter label=com.docker.compose.project={PROJECT}"
BODY = json.dumps({"messages": [{"role": "user", "content": "hello"}], "max_tokens": 1})


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
    image: str = json.loads(LOCK_FILE.read_text())["variants"]["vllm"][name]
    return image


def running() -> str:
    """The image of the stack's only container."""
    return shell(SERVER, f"docker inspect --format '{{{{.Config.Image}}}}' $({RUNNING})").strip()


@pytest.fixture(scope="module")
def ask() -> Callable[[str], str]:
    """Asks the server from the gateway's machine, with the key; AssertionError unless it is 200."""
    data = next(host.data for host in inventory_hosts() if host.name == SERVER)
    key = secret_store.for_data(data).get(API_KEY).get_secret_value()
    url = f"http://{network.read().hosts[SERVER]}:{data['vllm']['port']}"

    def asked(options: str) -> str:
        command = f"curl --config - --fail --silent --max-time {ANSWER_SECONDS} {url}{options}"
        done = subprocess.run(
            ["docker", "exec", "-i", container_name(CLIENT), "sh", "-c", command],
            input=f'header = "Authorization: Bearer {key}"\n',
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"curl ended with {done.returncode}: {done.stdout}"
        return done.stdout

    return asked


@pytest.fixture(scope="module")
def complete(ask: Callable[[str], str]) -> Callable[[], None]:
    """A completion of one token by whatever model is served."""

    def completed() -> None:
        ask(f"/v1/chat/completions -H 'Content-Type: application/json' -d '{BODY}'")

    return completed


@pytest.fixture(scope="module")
def served(ask: Callable[[str], str]) -> Callable[[], str]:
    """Name of the model that is served."""
    return lambda: str(json.loads(ask("/v1/models"))["data"][0]["id"])


def test_an_argument_that_the_image_does_not_know_leaves_the_old_server_serving(
    overlay: Overlay, complete: Callable[[], None]
) -> None:
    before = running()
    overlay.update("vllm", image=variant("fewer_arguments"), extra_arguments=(GONE, "1"))
    with RequestLoop(complete) as client:
        client.reach(3)
        run = overlay.apply(SERVER, deploy=ROLE)
        client.reach(len(client.requests) + 3)
    print(f"{len(client.requests)} completions, {len(client.problems)} failed")
    assert run.returncode != 0
    assert f"error: unrecognized arguments: {GONE} 1" in run.stderr
    assert "vLLM does not take its arguments (it ended with: 2)" in run.stderr
    assert client.problems == []
    assert running() == before


def test_an_argument_that_is_gone_is_refused_before_any_connection(overlay: Overlay) -> None:
    overlay.update("vllm", extra_arguments=("--max-num-batched-tokns", "8"))
    run = overlay.apply(SERVER, deploy=ROLE)
    assert run.returncode != 0
    assert (
        "vLLM 0.33.0 has no argument `--max-num-batched-tokns`; did you mean "
        "`--max-num-batched-tokens`"
    ) in run.stderr
    assert "Starting operation" not in run.stderr


def test_the_model_is_switched_by_one_line_and_the_plan_shows_it(
    tmp_path: Path,
    complete: Callable[[], None],
    served: Callable[[], str],
    record_property: Callable[[str, object], None],
) -> None:
    checkout = AlteredCheckout(tmp_path)
    checkout.replace("group_data/vllm.py", f'model="{MODEL}"', f'model="{OTHER_MODEL}"')
    plan = subprocess.run(
        ["./plan", INVENTORY, "--limit", SERVER, "--deploy", ROLE],
        cwd=checkout.directory,
        capture_output=True,
        text=True,
    )
    assert plan.returncode == 2, plan.stderr
    assert f"/models/{OTHER_MODEL}" in plan.stdout
    assert "recreate container vllm/server" in " ".join(plan.stdout.split())
    with RequestLoop(complete) as client:
        client.reach(3)
        run = checkout.apply(SERVER, deploy=ROLE)
        complete()
        client.reach(len(client.requests) + 3)
    record_property("gap_seconds", round(client.gap_seconds, 1))
    print(f"no completions for {client.gap_seconds:.1f} s")
    assert run.returncode == 0, run.stdout
    assert served() == OTHER_MODEL
    repair(SERVER, deploy=ROLE)
    assert served() == MODEL


def test_another_model_whose_server_never_becomes_healthy_gives_way_to_the_one_before(
    overlay: Overlay,
    complete: Callable[[], None],
    served: Callable[[], str],
    record_property: Callable[[str, object], None],
) -> None:
    before = running()
    overlay.update(
        "vllm", image=variant("unhealthy"), model=OTHER_MODEL, start_seconds=HEALTHY_SECONDS
    )
    with RequestLoop(complete) as client:
        client.reach(3)
        run = overlay.apply(SERVER, deploy=ROLE)
        complete()
        client.reach(len(client.requests) + 3)
    record_property("gap_seconds", round(client.gap_seconds, 1))
    print(f"no completions for {client.gap_seconds:.1f} s")
    assert run.returncode != 0
    assert "Starting to load model" in run.stderr, "the container's log is lost"
    assert "the previous state is back and answers" in run.stderr
    assert client.problems, "the faulty server was never tried"
    assert (running(), served()) == (before, MODEL)
