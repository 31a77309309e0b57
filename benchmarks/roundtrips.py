"""Round trips to an HTTP server, timed: runs on a host with Python 3.10 or newer, prints JSON.

Standard input is this text with its settings filled in. Nothing is written on the host.
"""

import json
import socket
import subprocess
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

SETTINGS: dict[str, Any] = {}
"""`address`, `port` and `key` of the server, `usb_address`, `payload_bytes`, `rounds`, `warm_up`,
and `model`: address, port and key of the host's own chat model, or None."""

TIMEOUT_SECONDS = 5
MOST_FAILURES = 20
"""In a row: then the server is gone, and waiting for more would take hours."""


class Link:
    """One server at one address, a connection to it that is kept, and what each request took."""

    def __init__(
        self, name: str, address: str, port: int, key: str, payload_bytes: int, device: str = ""
    ) -> None:
        self.name, self.address, self.port, self.device = name, address, port, device
        host = f"Host: {address}:{port}\r\n"
        self.question = f"GET /health HTTP/1.1\r\n{host}\r\n".encode()
        self.payload = padded(f"{host}Authorization: Bearer {key}\r\n", payload_bytes)
        self.connection: socket.socket | None = None
        self.connections = 0
        self.failures = 0
        self.samples: list[tuple[int, str, int | None, str]] = []
        self.turns = (
            (self.kept, ("kept",)),
            (self.new, ("new", "connect")),
            (self.carried, ("payload",)),
        )

    def sample(self, number: int, turn: int) -> None:
        """One request of that kind; a failure is a sample too, without a time."""
        ask, kinds = self.turns[turn]
        try:
            taken = ask()
            self.samples += [
                (number, kind, nanoseconds, "")
                for kind, nanoseconds in zip(kinds, taken, strict=True)
            ]
            self.failures = 0
        except (OSError, ValueError) as error:
            self.close()
            said = str(error) or type(error).__name__
            self.samples += [(number, kind, None, said) for kind in kinds]
            self.failures += 1

    def kept(self) -> tuple[int, ...]:
        """Nanoseconds of a request on the connection that is there."""
        return (self._timed(self.question),)

    def carried(self) -> tuple[int, ...]:
        """The same with a payload."""
        return (self._timed(self.payload),)

    def new(self) -> tuple[int, ...]:
        """A request on a connection of its own, and the part of it until TCP is connected."""
        begin = time.perf_counter_ns()
        with self._connected() as connection:
            opened = time.perf_counter_ns()
            exchange(connection, self.question)
            end = time.perf_counter_ns()
        return end - begin, opened - begin

    def _timed(self, question: bytes) -> int:
        connection = self._ready()
        begin = time.perf_counter_ns()
        stays = exchange(connection, question)
        end = time.perf_counter_ns()
        if not stays:
            self.close()
        return end - begin

    def _ready(self) -> socket.socket:
        """The kept connection; on a fresh one the first request is not timed."""
        if self.connection is None:
            self.connection = self._connected()
            self.connections += 1
            exchange(self.connection, self.question)
        return self.connection

    def _connected(self) -> socket.socket:
        connection = socket.socket(socket.AF_INET6 if ":" in self.address else socket.AF_INET)
        try:
            connection.settimeout(TIMEOUT_SECONDS)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.device:
                # Past the routes: the server listens on its LAN address alone, and Linux takes in
                # what is for any of its addresses on every interface.
                device = self.device.encode()
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device)
            connection.connect((self.address, self.port))
        except OSError:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def padded(fields: str, size: int) -> bytes:
    """A request whose body has `size` bytes and asks for nothing: the tokens of no text.

    llama-server ends the connection where it has no use for a body (404), so it is given one.
    """
    body = json.dumps({"content": "", "padding": ""})
    body = body.replace('""}', '"' + "0" * (size - len(body)) + '"}')
    head = f"POST /tokenize HTTP/1.1\r\n{fields}Content-Type: application/json\r\n"
    return f"{head}Content-Length: {size}\r\n\r\n{body}".encode()


def exchange(connection: socket.socket, question: bytes) -> bool:
    """Ask, and read the whole answer; whether the connection stays open after it."""
    connection.sendall(question)
    said = b""
    while b"\r\n\r\n" not in said:
        said += received(connection)
    head, _, body = said.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    if first.split()[1:2] != ["200"] or "content-length" not in fields:
        raise ValueError(f"answered `{first}` in place of 200 with a length")
    missing = int(fields["content-length"]) - len(body)
    while missing > 0:
        missing -= len(received(connection))
    return fields.get("connection", "").lower() != "close"


def received(connection: socket.socket) -> bytes:
    part = connection.recv(65536)
    if not part:
        raise ConnectionError("the server ended the connection")
    return part


def way(address: str) -> dict[str, Any]:
    """The interface that leads to `address`, and what the kernel says of it."""
    command = ["ip", "-json", "route", "get", address]
    asked = subprocess.run(command, capture_output=True, text=True)
    route = json.loads(asked.stdout)[0] if asked.returncode == 0 else {}
    device = Path("/sys/class/net", route.get("dev", "-"))
    driver = device / "device" / "driver"
    return {
        "address": address,
        "source": route.get("prefsrc", ""),
        "interface": route.get("dev", ""),
        "gateway": route.get("gateway", ""),
        "driver": driver.resolve().name if driver.exists() else "",
        "megabits": text(device / "speed"),
        "mtu": text(device / "mtu"),
    }


def text(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        # The kernel refuses to tell the speed of an interface that has none.
        return ""


def sampled(links: list[Link], rounds: int, warm_up: int) -> None:
    """Each link and kind once a round, each round beginning with another; warm-up is below 0."""
    turns = [(link, turn) for link in links for turn in range(len(link.turns))]
    for number in range(-warm_up, rounds):
        shift = number % len(turns)
        for link, turn in turns[shift:] + turns[:shift]:
            if link.failures < MOST_FAILURES:
                link.sample(number, turn)


def token_milliseconds(address: str, port: int, key: str) -> list[float]:
    """What a token of the host's own chat model takes, by the server's own word."""
    body = {"prompt": "Hello", "n_predict": 64, "ignore_eos": True, "cache_prompt": False}
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    found = []
    for _ in range(5):
        connection = HTTPConnection(address, port, timeout=120)
        connection.request("POST", "/completion", json.dumps(body), headers)
        answer = connection.getresponse()
        said = answer.read()
        connection.close()
        if answer.status != 200:
            raise SystemExit(f"the chat model at {address} answered {answer.status}")
        found.append(float(json.loads(said)["timings"]["predicted_per_token_ms"]))
    return found


def main(settings: dict[str, Any]) -> dict[str, Any]:
    """What is printed: every path with its interface and samples, and the own model's tokens."""
    lan, usb = way(settings["address"]), way(settings["usb_address"])
    # Without the cable its address is one of the internet, and the router's business, or nobody's.
    cabled = not usb["gateway"] and usb["interface"] not in ("", lan["interface"])
    ways = {"LAN": {**lan, "there": True}, "USB": {**usb, "there": cabled}}
    devices = {"LAN": "", "USB": usb["interface"]}
    server = {name: settings[name] for name in ("address", "port", "key", "payload_bytes")}
    links = [
        Link(name, device=device, **server)
        for name, device in devices.items()
        if ways[name]["there"]
    ]
    sampled(links, settings["rounds"], settings["warm_up"])
    for link in links:
        link.close()
    by_name = {link.name: link for link in links}
    paths = [
        {
            "name": name,
            **found,
            "connections": by_name[name].connections if name in by_name else 0,
            "samples": by_name[name].samples if name in by_name else [],
        }
        for name, found in ways.items()
    ]
    model = settings["model"]
    return {"paths": paths, "token_ms": token_milliseconds(**model) if model else []}


if SETTINGS:
    print(json.dumps(main(SETTINGS)))
