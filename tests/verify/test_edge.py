"""Edge: it completes a prompt for whoever has the key, and the board's GPU computes it."""

from __future__ import annotations

import json
import re
import shlex

import pytest
from testinfra.host import Host

from deploys.edge import Edge
from deploys.topology import Machine
from tests.verify import llama_server
from tests.verify.chat_server import *  # noqa: F403  (its tests are this role's)
from tests.verify.chat_server import OPENING
from tests.verify.llama_server import Server

SLOWEST_TOKENS_PER_SECOND = 10
"""A board in its mode of 25 W makes 40 to 60 of a model with 0.8 GB (the memory gives 102 GB/s)."""
BUSY_PERCENT = 50
"""Of the GPU while it computes answers one after the other, near 99; a desktop takes a few."""
SECONDS = 5
SHOW_ON_FAILURE = (*llama_server.evidence("edge"), "docker info --format '{{json .Runtimes}}'")


@pytest.fixture
def server(host: Host, machine: Machine, settings: Edge) -> Server:
    return llama_server.of(host, machine, settings)


def test_every_layer_is_on_the_gpu(host: Host) -> None:
    """As the log said at the start; of a server that runs for long it may be gone from there."""
    log = host.check_output(f"docker logs {llama_server.container('edge')} 2>&1")
    said = re.findall(r"offloaded (\d+)/(\d+) layers to GPU", log)
    assert [layers for layers in said if layers[0] != layers[1]] == []
    assert "failed to initialize CUDA" not in log


def test_the_gpu_computes_the_answers(host: Host, server: Server, settings: Edge) -> None:
    with_key = f'printf \'header = "Authorization: Bearer %s"\\n\' "$(cat {server.key_file})"'
    body = json.dumps({"model": settings.model, "max_tokens": 256, **OPENING})
    ask = (
        f"{with_key} | curl --silent --config - --header 'Content-Type: application/json'"
        f" --data {shlex.quote(body)} {server.url}/v1/chat/completions"
    )
    # Asked again until the time is over; without --interval it samples each second.
    said = host.check_output(
        f"timeout {SECONDS} tegrastats --interval 500 & end=$(($(date +%s) + {SECONDS}));"
        f' while [ "$(date +%s)" -lt "$end" ]; do {ask}; echo; done; wait'
    )
    loads = [int(percent) for percent in re.findall(r"GR3D_FREQ (\d+)%", said)]
    speeds = [float(speed) for speed in re.findall(r'"predicted_per_second":([\d.]+)', said)]
    assert loads, "tegrastats has said nothing of the GPU"
    assert max(loads) > BUSY_PERCENT, f"{len(speeds)} answers were computed with GPU loads {loads}"
    assert max(speeds) > SLOWEST_TOKENS_PER_SECOND
