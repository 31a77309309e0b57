"""vLLM: it completes for whoever has the key, by the model that was chosen, on the card."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from testinfra.host import Host

from deploys.topology import Machine
from deploys.vllm import API_KEY, Vllm
from deploys.vllm_stack import CACHE, PROJECT, SERVICE
from operations import compose

KEY_FILE = f"{compose.directory(PROJECT)}/api-key"
OPENING = {"messages": [{"role": "user", "content": "Say something."}], "max_tokens": 8}
CONTAINER = (
    f"$(docker ps --quiet --filter label=com.docker.compose.project={PROJECT}"
    f" --filter label=com.docker.compose.service={SERVICE})"
)
SHOW_ON_FAILURE = (
    f"docker logs --tail 20 {CONTAINER}",
    f"docker ps --all --filter label=com.docker.compose.project={PROJECT}",
    "nvidia-smi",
)
MEASURED = ("generation_tokens_total", "prompt_tokens_total", "request_success_total")


class Server:
    """The server as its neighbours on the network see it, asked from its own host.

    Elsewhere only the gateway and Prometheus get through the firewall.
    """

    def __init__(self, host: Host, url: str) -> None:
        self.host, self.url = host, url

    def ask(self, path: str, body: Any = None, key: bool = True) -> tuple[int, str]:
        """Status and body of an answer; the key travels over standard input, not in argv."""
        header = f'printf \'header = "Authorization: Bearer %s"\\n\' "$(cat {KEY_FILE})"'
        command = f"{header if key else 'true'} | curl -sSN --config - -w '\\n%{{http_code}}'"
        if body is not None:
            command += f" -H 'Content-Type: application/json' -d '{json.dumps(body)}'"
        text, _, status = self.host.check_output(f"{command} {self.url}{path}").rpartition("\n")
        return int(status), text

    def sample(self, name: str) -> float:
        """The sum of a metric's samples."""
        lines = self.ask("/metrics", key=False)[1].splitlines()
        found = [line for line in lines if line.startswith(f"vllm:{name}{{")]
        assert found, f"/metrics has no vllm:{name}"
        return sum(float(line.rpartition(" ")[2]) for line in found)


@pytest.fixture
def server(host: Host, machine: Machine, settings: Vllm) -> Server:
    return Server(host, f"http://{machine.address}:{settings.port}")


@pytest.fixture
def container(host: Host) -> Any:
    """The running container as Docker has it."""
    (found,) = json.loads(host.check_output(f"docker inspect {CONTAINER}"))
    return found


def test_it_completes_a_prompt_for_the_key(server: Server, settings: Vllm) -> None:
    status, answer = server.ask("/v1/chat/completions", {"model": settings.model, **OPENING})
    assert status == 200
    completion = json.loads(answer)
    assert completion["model"] == settings.model
    assert completion["choices"][0]["message"]["content"]
    assert completion["usage"]["completion_tokens"] <= OPENING["max_tokens"]


def test_it_streams_token_by_token(server: Server, settings: Vllm) -> None:
    body = {"model": settings.model, "stream": True, **OPENING}
    text = server.ask("/v1/chat/completions", body)[1]
    *events, done = [line.removeprefix("data: ") for line in text.splitlines() if line]
    said = [json.loads(event)["choices"][0]["delta"].get("content") for event in events]
    assert len([token for token in said if token]) > 1
    assert done == "[DONE]"


def test_several_are_answered_at_once(server: Server, settings: Vllm) -> None:
    body = {"model": settings.model, **OPENING}
    with ThreadPoolExecutor(max_workers=3) as pool:
        asked = [pool.submit(server.ask, "/v1/chat/completions", body) for _ in range(3)]
    assert [answer.result()[0] for answer in asked] == [200] * 3


def test_the_key_on_the_host_is_the_one_of_the_store(host: Host, secret: Any) -> None:
    assert host.file(KEY_FILE).content_string == f"{secret(API_KEY)}\n"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions", "/v1/models"])
def test_nobody_else_gets_an_answer(server: Server, path: str) -> None:
    assert server.ask(path, key=False)[0] == 401


def test_another_model_is_not_there(server: Server) -> None:
    status, answer = server.ask("/v1/chat/completions", {"model": "another-model", **OPENING})
    assert status == 404
    message = json.loads(answer)["error"]["message"]
    assert message.startswith("The model `another-model` does not exist.")


def test_it_serves_the_context_that_was_promised(server: Server, settings: Vllm) -> None:
    (model,) = json.loads(server.ask("/v1/models")[1])["data"]
    assert (model["id"], model["max_model_len"]) == (settings.model, settings.context_tokens)


@pytest.mark.parametrize("name", MEASURED)
def test_it_measures_what_it_does(server: Server, settings: Vllm, name: str) -> None:
    before = server.sample(name)
    server.ask("/v1/chat/completions", {"model": settings.model, **OPENING})
    assert server.sample(name) > before


def test_it_runs_the_image_that_was_chosen(container: Any, settings: Vllm) -> None:
    assert container["Config"]["Image"] == settings.image


def test_it_has_its_card(host: Host, settings: Vllm) -> None:
    seen = host.check_output(f"docker exec {CONTAINER} nvidia-smi -L")
    assert seen.startswith("GPU 0: "), seen


def test_it_keeps_what_it_compiled_beyond_its_container(host: Host) -> None:
    assert host.file(CACHE).mode == 0o700
    assert host.check_output(f"ls -A {CACHE}/.cache/vllm")


def test_the_key_is_in_no_definition_and_no_process_list(
    host: Host, container: Any, secret: Any
) -> None:
    assert secret(API_KEY) not in json.dumps(container)
    assert secret(API_KEY) not in host.check_output("ps -eww -o args")
