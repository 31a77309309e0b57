"""llama.cpp: it completes a prompt for whoever has the key, and can do little else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from testinfra.host import Host

from deploys.llama_cpp import API_KEY, PROJECT, SERVICE, USER, LlamaCpp
from deploys.topology import Machine
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
)


class Server:
    """The server as its neighbours on the network see it, asked from its own host.

    Elsewhere only the gateway and Prometheus get through the firewall.
    """

    def __init__(self, host: Host, url: str) -> None:
        self.host, self.url = host, url

    def ask(self, path: str, body: Any = None, key: bool = True) -> tuple[int, str]:
        """Status and body of an answer; the key travels over standard input, not in argv."""
        header = f'printf \'header = "Authorization: Bearer %s"\\n\' "$(cat {KEY_FILE})"'
        command = f"{header if key else 'true'} | curl -sS --config - -w '\\n%{{http_code}}'"
        if body is not None:
            command += f" -H 'Content-Type: application/json' -d '{json.dumps(body)}'"
        text, _, status = self.host.check_output(f"{command} {self.url}{path}").rpartition("\n")
        return int(status), text


@pytest.fixture
def server(host: Host, machine: Machine, settings: LlamaCpp) -> Server:
    return Server(host, f"http://{machine.address}:{settings.port}")


@pytest.fixture
def container(host: Host) -> Any:
    """The running container as Docker has it."""
    (found,) = json.loads(host.check_output(f"docker inspect {CONTAINER}"))
    return found


def test_it_completes_a_prompt_for_the_key(server: Server, settings: LlamaCpp) -> None:
    status, answer = server.ask("/v1/chat/completions", {"model": settings.model, **OPENING})
    assert status == 200
    completion = json.loads(answer)
    assert completion["model"] == settings.model
    assert completion["choices"][0]["message"]["content"]


def test_the_key_on_the_host_is_the_one_of_the_store(host: Host, secret: Any) -> None:
    assert host.file(KEY_FILE).content_string == f"{secret(API_KEY)}\n"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/completion", "/v1/completions"])
def test_nobody_else_gets_a_completion(server: Server, path: str) -> None:
    assert server.ask(path, {"prompt": "Hi", **OPENING}, key=False)[0] == 401


@pytest.mark.parametrize("path", ["/metrics", "/props", "/slots", "/v1/models"])
def test_nobody_else_sees_what_it_does(server: Server, path: str) -> None:
    assert server.ask(path, key=False)[0] == 401


def test_it_measures_itself_under_the_known_names(server: Server) -> None:
    status, metrics = server.ask("/metrics")
    assert status == 200
    for name in ("prompt_tokens_total", "tokens_predicted_total", "requests_deferred"):
        assert f"\nllamacpp:{name} " in metrics


def test_every_slot_has_the_context_that_was_promised(server: Server, settings: LlamaCpp) -> None:
    slots = json.loads(server.ask("/slots")[1])
    contexts = [slot["n_ctx"] for slot in slots]
    assert contexts == [settings.context_per_slot_tokens] * settings.parallel_sequences


def test_it_runs_the_pinned_image(host: Host, container: Any, settings: LlamaCpp) -> None:
    assert container["Config"]["Image"] == settings.image
    digests = host.check_output(
        f"docker image inspect --format '{{{{json .RepoDigests}}}}' {container['Image']}"
    )
    assert settings.image.partition("@")[2] in {
        digest.partition("@")[2] for digest in json.loads(digests)
    }


def test_it_is_healthy(container: Any) -> None:
    assert container["State"]["Health"]["Status"] == "healthy"


def test_it_is_nobody_in_its_container(container: Any) -> None:
    assert container["Config"]["User"] == f"{USER}:{USER}"


def test_it_has_no_privilege_and_gets_none(container: Any) -> None:
    limits = container["HostConfig"]
    assert limits["CapDrop"] == ["ALL"]
    assert not limits["CapAdd"]
    assert "no-new-privileges:true" in limits["SecurityOpt"]
    assert not limits["Privileged"]


def test_it_writes_nowhere_but_into_its_own_memory(container: Any) -> None:
    assert container["HostConfig"]["ReadonlyRootfs"]
    assert list(container["HostConfig"]["Tmpfs"]) == ["/tmp"]
    assert not [mount["Destination"] for mount in container["Mounts"] if mount["RW"]]


def test_it_takes_no_more_of_the_host_than_it_was_given(container: Any, settings: LlamaCpp) -> None:
    limits = container["HostConfig"]
    assert limits["Memory"] == limits["MemorySwap"] == settings.memory_limit_mib * 1024 * 1024
    assert limits["PidsLimit"] > 0


def test_it_cannot_reach_the_engine(container: Any) -> None:
    assert not [mount for mount in container["Mounts"] if "docker.sock" in mount["Source"]]


def test_it_listens_on_the_address_of_the_host_alone(
    container: Any, machine: Machine, settings: LlamaCpp
) -> None:
    published = [
        (binding["HostIp"], binding["HostPort"])
        for bindings in container["NetworkSettings"]["Ports"].values()
        for binding in bindings or ()
    ]
    assert published == [(machine.address, str(settings.port))]


def test_the_key_is_not_in_the_definition_of_the_container(container: Any, secret: Any) -> None:
    assert secret(API_KEY) not in json.dumps(container)
