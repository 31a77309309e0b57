"""The program that measures round trips: what it times, keeps, counts as failed, and leaves out."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from benchmarks import roundtrips
from benchmarks.roundtrips import Link

PAYLOAD = 12_288


class Server(BaseHTTPRequestHandler):
    """Answers as llama-server does, and ends a connection after some requests."""

    protocol_version = "HTTP/1.1"
    timeout = 10
    most, slow, healthy = 100, 0.0, True
    read: list[int]
    connections: list[int]

    def setup(self) -> None:
        super().setup()
        self.connections.append(0)
        self.mine = len(self.connections) - 1

    def do_GET(self) -> None:
        self.answer(200 if self.healthy else 503)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert json.loads(body)["content"] == ""
        self.read.append(len(body))
        authorized = self.headers["Authorization"] == "Bearer the key"
        self.answer(200 if authorized and self.path == "/tokenize" else 401)

    def answer(self, status: int) -> None:
        time.sleep(self.slow)
        self.connections[self.mine] += 1
        self.send_response(status)
        if self.connections[self.mine] >= self.most:
            self.send_header("Connection", "close")
        self.send_header("Content-Length", "15")
        self.end_headers()
        self.wfile.write(b'{"status":"ok"}')

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def handler() -> type[Server]:
    return type("Handler", (Server,), {"read": [], "connections": []})


@pytest.fixture
def port(handler: type[Server]) -> Generator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = False  # waited for, so that no socket is left open
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture
def link(port: int) -> Generator[Link]:
    link = Link("LAN", "127.0.0.1", port, "the key", PAYLOAD)
    yield link
    link.close()


def failed(link: Link) -> Counter[str]:
    return Counter(error for _, _, taken, error in link.samples if taken is None)


def test_every_kind_is_asked_once_a_round_and_all_samples_are_kept(link: Link) -> None:
    roundtrips.sampled([link], 10, 3)
    kinds = Counter(kind for _, kind, _, _ in link.samples)
    assert kinds == dict.fromkeys(("kept", "new", "connect", "payload"), 13)
    assert sorted({number for number, _, _, _ in link.samples}) == list(range(-3, 10))
    assert not failed(link)


def test_each_round_begins_with_another_kind(link: Link) -> None:
    roundtrips.sampled([link], 3, 0)
    first = {number: kind for number, kind, _, _ in reversed(link.samples)}
    assert first == {0: "kept", 1: "new", 2: "payload"}


def test_two_links_are_measured_in_turn(link: Link, port: int) -> None:
    other = Link("USB", "127.0.0.1", port, "the key", PAYLOAD)
    roundtrips.sampled([link, other], 2, 0)
    other.close()
    assert len(link.samples) == len(other.samples) == 8


def test_a_kept_connection_is_kept_and_its_first_request_is_not_timed(
    link: Link, handler: type[Server]
) -> None:
    for number in range(5):
        link.sample(number, 0)
    assert (link.connections, len(link.samples)) == (1, 5)
    assert handler.connections == [6]


def test_a_connection_that_the_server_ends_is_replaced_without_a_failure(
    link: Link, handler: type[Server]
) -> None:
    handler.most = 4
    for number in range(9):
        link.sample(number, 0)
    assert not failed(link)
    assert link.connections == 3
    assert handler.connections == [4, 4, 4]


def test_the_payload_is_sent_whole(link: Link, handler: type[Server]) -> None:
    link.sample(0, 2)
    assert handler.read == [PAYLOAD]
    assert not failed(link)


def test_the_servers_time_is_in_the_request_and_not_in_the_connect(
    link: Link, handler: type[Server]
) -> None:
    handler.slow = 0.05
    for turn in range(3):
        link.sample(0, turn)
    taken = {kind: nanoseconds or 0 for _, kind, nanoseconds, _ in link.samples}
    assert min(taken["kept"], taken["new"], taken["payload"]) >= 50_000_000
    assert taken["connect"] < 50_000_000


def test_another_answer_is_a_failure_and_a_sample(link: Link, handler: type[Server]) -> None:
    handler.healthy = False
    link.sample(7, 1)
    said = "answered `HTTP/1.1 503 Service Unavailable` in place of 200 with a length"
    assert link.samples == [(7, "new", None, said), (7, "connect", None, said)]


def test_failures_are_counted_and_end_what_goes_on_failing() -> None:
    nobody = Link("LAN", "127.0.0.1", 1, "the key", PAYLOAD)
    roundtrips.sampled([nobody], 1000, 10)
    assert failed(nobody) == {"[Errno 111] Connection refused": len(nobody.samples)}
    assert nobody.failures == roundtrips.MOST_FAILURES
    assert len(nobody.samples) < 2 * roundtrips.MOST_FAILURES


def test_one_link_that_fails_does_not_end_the_other(link: Link) -> None:
    nobody = Link("USB", "127.0.0.1", 1, "the key", PAYLOAD)
    roundtrips.sampled([link, nobody], 30, 0)
    assert len(link.samples) == 120
    assert not failed(link)


@pytest.mark.parametrize(
    ("interface", "gateway", "there"),
    [("lo", "192.0.2.1", False), ("lo", "", True), ("", "", False), ("eth0", "", False)],
    ids=["the router's", "a cable", "no way", "the LAN's"],
)
def test_usb_is_measured_where_a_cable_of_its_own_leads_there(
    port: int, monkeypatch: pytest.MonkeyPatch, interface: str, gateway: str, there: bool
) -> None:
    ways = {
        "127.0.0.1": {"interface": "eth0", "gateway": "192.0.2.1"},
        "192.168.55.1": {"interface": interface, "gateway": gateway},
    }
    monkeypatch.setattr(roundtrips, "way", lambda address: {**ways[address], "address": address})
    lan, usb = roundtrips.main(settings(port))["paths"]
    assert (lan["there"], len(lan["samples"]), lan["connections"]) == (True, 12, 1)
    assert (usb["there"], len(usb["samples"])) == (there, 12 if there else 0)


def test_a_link_keeps_to_its_interface(port: int) -> None:
    link = Link("USB", "127.0.0.1", port, "the key", PAYLOAD, device="nosuchinterface")
    link.sample(0, 0)
    assert failed(link) == {"[Errno 19] No such device": 1}


def test_the_way_is_what_the_kernel_says() -> None:
    found = roundtrips.way("127.0.0.1")
    assert (found["interface"], found["gateway"]) == ("lo", "")
    assert int(found["mtu"]) > 1000


def settings(port: int) -> dict[str, Any]:
    server = {"address": "127.0.0.1", "port": port, "key": "the key", "payload_bytes": PAYLOAD}
    rounds = {"rounds": 2, "warm_up": 1, "usb_address": "192.168.55.1", "model": None}
    return server | rounds
