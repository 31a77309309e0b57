"""Triton: it recognises a digit, tells nobody but its neighbours, and can do little else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from testinfra.host import Host

from deploys.model_repository import FILES
from deploys.topology import Machine
from deploys.triton import Triton
from deploys.triton_stack import PROJECT, SERVICE, USER
from operations import compose

EXAMPLE = f"{compose.directory(PROJECT)}/examples/digits.json"
CONTAINER = (
    f"$(docker ps --quiet --filter label=com.docker.compose.project={PROJECT}"
    f" --filter label=com.docker.compose.service={SERVICE})"
)
SHOW_ON_FAILURE = (
    f"docker logs --tail 30 {CONTAINER}",
    f"docker ps --all --filter label=com.docker.compose.project={PROJECT}",
)
METRICS = ("nv_inference_request_success", "nv_inference_request_duration_us", "nv_inference_count")


class Server:
    """The server as the gateway and Prometheus see it, asked from its own host."""

    def __init__(self, host: Host, machine: Machine, settings: Triton) -> None:
        self.host = host
        self.url = f"http://{machine.address}:{settings.port}"
        self.metrics_url = f"http://{machine.address}:{settings.metrics_port}"

    def ask(self, url: str, *options: str) -> tuple[int, str]:
        """Status and body of an answer."""
        command = ["curl", "-sS", "-w", "'\\n%{http_code}'", *options, url]
        text, _, status = self.host.check_output(" ".join(command)).rpartition("\n")
        return int(status), text


@pytest.fixture
def server(host: Host, machine: Machine, settings: Triton) -> Server:
    return Server(host, machine, settings)


@pytest.fixture
def container(host: Host) -> Any:
    """The running container as Docker has it."""
    (found,) = json.loads(host.check_output(f"docker inspect {CONTAINER}"))
    return found


@pytest.fixture
def processes(host: Host) -> dict[str, str]:
    """What the kernel says of each process in the container, by its arguments."""
    script = (
        "for pid in $(docker top "
        + CONTAINER
        # What starts a health check is not of the container yet, and may be gone by now.
        + " -eo pid | tail -n +2); do grep -qs '^Name:.runc' /proc/$pid/status && continue;"
        " state=$(grep -E '^(CapEff|NoNewPrivs|Uid):' /proc/$pid/status) || continue;"
        " tr '\\0' ' ' </proc/$pid/cmdline; echo; echo $state; done 2>/dev/null"
    )
    lines = host.check_output(script).splitlines()
    return dict(zip(lines[::2], lines[1::2], strict=True))


def test_it_recognises_a_digit_that_it_never_saw(server: Server) -> None:
    status, answer = server.ask(f"{server.url}/v2/models/digits/infer", "--data", f"@{EXAMPLE}")
    assert status == 200
    (output,) = json.loads(answer)["outputs"]
    probability, _, rest = output["data"][0].partition(":")
    assert f":{rest}\n" == (FILES / "examples" / "digits.txt").read_text()
    assert float(probability) > 0.9


def test_it_gives_the_probabilities_of_every_digit(server: Server) -> None:
    whole = json.loads((FILES / "examples" / "digits.json").read_text())
    body = json.dumps({"inputs": whole["inputs"]})
    status, answer = server.ask(f"{server.url}/v2/models/digits/infer", "--data", f"'{body}'")
    assert status == 200
    (output,) = json.loads(answer)["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == (
        "PROBABILITIES",
        "FP32",
        [1, 10],
    )
    assert sum(output["data"]) == pytest.approx(1, abs=1e-4)


def test_an_image_of_the_wrong_size_is_an_error_of_the_client(server: Server) -> None:
    pixels = {"name": "PIXELS", "shape": [1, 63], "datatype": "FP32", "data": [0] * 63}
    body = json.dumps({"inputs": [pixels]})
    status, answer = server.ask(f"{server.url}/v2/models/digits/infer", "--data", f"'{body}'")
    assert status == 400
    assert "unexpected shape for input 'PIXELS'" in answer


def test_every_model_is_ready(server: Server, settings: Triton) -> None:
    assert server.ask(f"{server.url}/v2/health/ready")[0] == 200
    for model in settings.models:
        assert server.ask(f"{server.url}/v2/models/{model}/ready")[0] == 200


@pytest.mark.parametrize(
    "api", ["systemsharedmemory/status", "cudasharedmemory/status", "logging", "trace/setting"]
)
def test_nobody_controls_it(server: Server, api: str) -> None:
    assert server.ask(f"{server.url}/v2/{api}")[0] == 403


@pytest.mark.parametrize("action", ["index", "models/digits/load", "models/digits/unload"])
def test_nobody_changes_what_it_serves(server: Server, action: str) -> None:
    assert server.ask(f"{server.url}/v2/repository/{action}", "--request", "POST")[0] == 403


def test_it_measures_itself_under_the_known_names(server: Server) -> None:
    server.ask(f"{server.url}/v2/models/digits/infer", "--data", f"@{EXAMPLE}")
    status, metrics = server.ask(f"{server.metrics_url}/metrics")
    assert status == 200
    for name in METRICS:
        assert f'\n{name}{{model="digits",version="1"}} ' in metrics


def test_there_are_no_metrics_where_clients_come(server: Server) -> None:
    assert server.ask(f"{server.url}/metrics")[0] == 404


def test_it_runs_the_image_of_the_settings(container: Any, settings: Triton) -> None:
    assert container["Config"]["Image"] == settings.image


def test_it_is_healthy(container: Any) -> None:
    assert container["State"]["Health"]["Status"] == "healthy"


def test_every_process_in_it_is_nobody_without_any_capability(processes: dict[str, str]) -> None:
    assert any(arguments.startswith("tritonserver ") for arguments in processes)
    for status in processes.values():
        assert f"Uid: {USER} {USER} {USER} {USER}" in status
        assert "CapEff: 0000000000000000" in status
        assert "NoNewPrivs: 1" in status


def test_it_writes_nowhere_but_into_its_own_memory(container: Any) -> None:
    assert container["HostConfig"]["ReadonlyRootfs"]
    assert list(container["HostConfig"]["Tmpfs"]) == ["/tmp"]
    assert container["HostConfig"]["IpcMode"] == "private"
    assert not [mount["Destination"] for mount in container["Mounts"] if mount["RW"]]


def test_it_takes_no_more_of_the_host_than_it_was_given(container: Any, settings: Triton) -> None:
    limits = container["HostConfig"]
    assert limits["Memory"] == limits["MemorySwap"] == settings.memory_limit_mib * 1024 * 1024
    assert limits["ShmSize"] == settings.shared_memory_mib * 1024 * 1024
    assert limits["PidsLimit"] > 0


def test_it_has_a_card_only_where_the_settings_give_it_one(
    container: Any, settings: Triton
) -> None:
    requests = container["HostConfig"]["DeviceRequests"] or []
    cards = [card for request in requests for card in request["DeviceIDs"]]
    assert cards == ([f"nvidia.com/gpu={settings.card}"] if settings.gpu else [])


def test_it_cannot_reach_the_engine(container: Any) -> None:
    assert not [mount for mount in container["Mounts"] if "docker.sock" in mount["Source"]]


def test_it_listens_on_the_address_of_the_host_alone(
    container: Any, machine: Machine, settings: Triton
) -> None:
    published = {
        (binding["HostIp"], binding["HostPort"])
        for bindings in container["NetworkSettings"]["Ports"].values()
        for binding in bindings or ()
    }
    ports = (settings.port, settings.metrics_port)
    assert published == {(machine.address, str(port)) for port in ports}
