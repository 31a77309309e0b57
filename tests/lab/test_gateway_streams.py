"""The gateway under load: streams that outlive a reload, and limits that others do not feel."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Generator
from itertools import pairwise
from statistics import median
from typing import Any

import pytest

from tests.lab import gateway_samples as samples
from tests.lab.altered_checkout import AlteredCheckout
from tests.lab.conftest import converge, repair, shell
from tests.lab.gateway_samples import CLIENT, END, GATEWAY, PORT, answers, clients
from tests.lab.waiting import wait_until

ROLE = "deploys.nginx.install"
STREAMS, PARALLEL = 50, 64
CALM_SECONDS = 1.0
LOCATION = f"""
location /llama/sample/ {{
    include passed_on/llama_cpp.conf;
    proxy_pass http://127.0.0.1:{PORT}/;
}}
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Generator[AlteredCheckout]:
    """The gateway with one more path of an API that has limits, to the sample upstream."""
    converge(GATEWAY, CLIENT)
    altered = AlteredCheckout(tmp_path_factory.mktemp("streams"))
    altered.append("templates/nginx/routes/llama_cpp.conf.j2", LOCATION)
    done = altered.apply(GATEWAY, deploy=ROLE)
    assert done.returncode == 0, done.stdout
    with samples.upstream():
        yield altered
    repair(GATEWAY, deploy=ROLE)


def open_connections() -> int:
    """How many the sample upstream has, by the kernel's word (01 is ESTABLISHED)."""
    port = f"{PORT:04X}"
    return int(shell(GATEWAY, f"grep -cE ':{port} [0-9A-F]+:[0-9A-F]+ 01 ' /proc/net/tcp || :"))


def events(answer: dict[str, Any]) -> list[str]:
    return [line.removeprefix("data: ") for line in str(answer["text"]).split("\n\n") if line]


def test_events_arrive_one_by_one(checkout: AlteredCheckout) -> None:
    # Two come together where this computer stalls; with a gateway that keeps them, always.
    wait_until("each event comes by itself", _comes_one_by_one, 30)


def _comes_one_by_one() -> bool:
    gateway, begin = samples.from_here(), time.monotonic()
    answer = gateway.ask("/llama/sample/events/10")
    gaps = [after - before for before, after in pairwise(answer.times)]
    return (
        [piece.count(b"data: ") for piece in answer.pieces][:10] == [1] * 10
        and answer.times[0] - begin < 0.5
        and min(gaps[:9]) > 0.02
    )


def test_a_change_that_lands_breaks_no_stream(checkout: AlteredCheckout) -> None:
    gateway = samples.from_here()
    before = gateway.ask("/health").json()["revision"]
    asking = clients("/llama/sample/events", STREAMS)
    try:
        wait_until("all streams are open", lambda: open_connections() >= STREAMS)
        checkout.append("templates/nginx/proxy.conf.j2", "# a change")
        done = checkout.apply(GATEWAY, deploy=ROLE)
        assert done.returncode == 0, done.stdout
        assert gateway.ask("/health").json()["revision"] != before
        assert open_connections() >= STREAMS, "streams ended before the change had landed"
    finally:
        shell(GATEWAY, f"touch {END}")
        found = answers(asking)
        shell(GATEWAY, f"rm -f {END}")
    assert [answer["status"] for answer in found] == [200] * STREAMS
    for answer in found:
        *numbers, end = events(answer)
        assert numbers == [str(number) for number in range(len(numbers))]
        assert end == f"end {len(numbers)}"


def test_more_streams_of_one_address_than_allowed_are_told_so(checkout: AlteredCheckout) -> None:
    found = answers(clients("/llama/sample/events/80", PARALLEL + 6))
    assert Counter(answer["status"] for answer in found) == {200: PARALLEL, 429: 6}


def test_who_asks_too_often_is_told_when_to_come_back_while_others_stay_fast(
    checkout: AlteredCheckout,
) -> None:
    gateway = samples.from_here()
    times: list[float] = []
    asking = clients("/llama/sample/", 4, requests=150)
    while asking.poll() is None and len(times) < 40:
        begin = time.monotonic()
        assert gateway.ask("/llama/sample/").status == 200
        times.append(time.monotonic() - begin)
        time.sleep(0.05)
    found = answers(asking)
    refused = [answer for answer in found if answer["status"] == 429]
    assert {answer["status"] for answer in found} == {200, 429}
    assert {(a["retry_after"], a["type"]) for a in refused} == {("1", "application/json")}
    assert json.loads(refused[0]["text"])["error"]["code"] == 429
    assert median(times) < CALM_SECONDS
