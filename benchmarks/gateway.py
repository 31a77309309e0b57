"""Measures the gateway in the lab: `make bench` (the lab has to be up and converged).

Writes `benchmarks/results/<date>-gateway.json` and docs/speed.md: streams through the gateway and
past it, and requests that it answers or passes on beside a plain NGINX on the same host.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

import inventory_json
import secret_store
from benchmarks import speed_page, tracking
from benchmarks.pairs import Comparison
from benchmarks.result import GatewayResult, machine, versions
from deploys.gateway import host_names
from deploys.topology import Machine, Topology
from lab.checkout import ROOT, container_name

INVENTORY = ROOT / "lab" / "inventory.py"
CLIENT_ROLE = "prometheus"
"""Whose host may ask the model's server past the gateway too."""
PLAIN = "/tmp/plain-nginx"
PLAIN_PORT = 8181
CONNECTIONS, SECONDS = 16, 1
TOKENS = 64


@click.command()
@click.option("--pairs", default=200, type=click.IntRange(100), help="Streams that count.")
@click.option("--loads", default=25, type=click.IntRange(5), help="Loads of each side that count.")
def main(pairs: int, loads: int) -> None:
    """Measure the gateway of this checkout's lab and write down what was measured."""
    topology = inventory_json.topology(inventory_json.read(INVENTORY))
    comparisons = (*_streams(topology, pairs), *_loads(topology, loads))
    for comparison in comparisons:
        click.echo(f"{comparison.what}, beside {comparison.beside}: {comparison.ratio:.2f}")
    gateway = topology.having("nginx")[0]
    nginx = _on(gateway, "nginx -v 2>&1").strip().partition("/")[2]
    result = GatewayResult(
        when=datetime.now(UTC).strftime("%Y-%m-%d"),
        machine=machine(),
        versions={**versions(), "nginx": nginx},
        comparisons=comparisons,
    )
    saved = result.save()
    click.echo(f"wrote {saved} and {speed_page.write()}")
    click.echo(tracking.record("gateway", result, saved, INVENTORY))


def _streams(topology: Topology, pairs: int) -> Iterable[Comparison]:
    gateway, client = topology.having("nginx")[0], topology.having(CLIENT_ROLE)[0]
    server = topology.having("llama_cpp")[0]
    route = server.settings["llama_cpp"].route()
    (key,) = server.settings["llama_cpp"].secrets()
    settings = {
        "gateway": host_names(gateway)[0],
        "server": f"{server.address}:{route.port if route else ''}",
        "key": secret_store.for_data(server.data).get(key).get_secret_value(),
        "pairs": pairs,
        "tokens": TOKENS,
    }
    # The key is in the text, not among the arguments, which every process may read.
    text = Path(__file__).with_name("streams.py").read_text()
    found = json.loads(_on(client, "python3 -", text.replace("= {}", f"= {settings!r}", 1)))
    for what, name in (("The first token", "first"), ("The time from token to token", "next")):
        measured = tuple((through, past) for through, past in found[name])
        yield Comparison(f"{what} through the gateway", "past it", measured)


def _loads(topology: Topology, loads: int) -> Iterable[Comparison]:
    gateway, client = topology.having("nginx")[0], topology.having(CLIENT_ROLE)[0]
    name = host_names(gateway)[0]
    with _wrk(client), _plain_nginx(gateway, topology):
        for what, path, plain in (
            ("A request that the gateway answers itself", "/health", "/static"),
            ("A request that the gateway passes on", "/llama/health", "/health"),
        ):
            urls = (f"https://{name}{path}", f"https://{name}:{PLAIN_PORT}{plain}")
            _load(client, urls[0]), _load(client, urls[1])
            measured = [(_load(client, urls[0]), _load(client, urls[1])) for _ in range(loads)]
            for index, kind in enumerate(("under load", "its median latency under load")):
                timed = tuple((first[index], second[index]) for first, second in measured)
                yield Comparison(f"{what}, {kind}", "plain NGINX", timed)


def _load(client: Machine, url: str) -> tuple[float, float]:
    """Seconds that a request took of the whole, and the median of each one's own."""
    command = f"wrk --threads 1 --connections {CONNECTIONS} --duration {SECONDS}s --latency {url}"
    said = _on(client, command)
    if failed := re.search(r"Non-2xx or 3xx responses: \d+|Socket errors: .*", said):
        raise click.ClickException(f"{url}: {failed[0]}")
    rate, latency = re.search(r"Requests/sec: +([\d.]+)", said), _latency(said)
    if rate is None:
        raise click.ClickException(f"wrk says of {url}: {said}")
    return 1 / float(rate[1]), latency


def _latency(said: str) -> float:
    found = re.search(r" 50% +([\d.]+)(us|ms|s)", said)
    if found is None:
        raise click.ClickException(f"wrk says: {said}")
    return float(found[1]) * {"us": 1e-6, "ms": 1e-3, "s": 1}[found[2]]


@contextmanager
def _wrk(client: Machine) -> Generator[None]:
    _on(client, "apt-get update -q && apt-get install -q -y --no-install-recommends wrk")
    try:
        yield
    finally:
        _on(client, "apt-get purge -q -y --autoremove wrk")


@contextmanager
def _plain_nginx(gateway: Machine, topology: Topology) -> Generator[None]:
    """The same program with next to no configuration, on a port that is open meanwhile."""
    server = topology.having("llama_cpp")[0]
    route = server.settings["llama_cpp"].route()
    upstream = f"{server.address}:{route.port if route else ''}"
    text = Path(__file__).with_name("plain_nginx.conf").read_text()
    text = text.replace("PORT", str(PLAIN_PORT)).replace("UPSTREAM", upstream)
    _on(gateway, f"cat >{PLAIN}.conf && nginx -q -c {PLAIN}.conf", text)
    rule = _on(
        gateway, f"nft --echo --handle insert rule inet ai_idp input tcp dport {PLAIN_PORT} accept"
    )
    handle = rule.rpartition("handle ")[2].strip()
    try:
        yield
    finally:
        _on(gateway, f"nft delete rule inet ai_idp input handle {handle}")
        _on(gateway, f"nginx -s stop -c {PLAIN}.conf; rm -f {PLAIN}.conf")


def _on(machine: Machine, command: str, stdin: str = "") -> str:
    """What `command` says as root on a host of the lab."""
    run = ["docker", "exec", "-i", container_name(machine.name), "sh", "-c", command]
    done = subprocess.run(run, input=stdin, capture_output=True, text=True)
    if done.returncode != 0:
        raise click.ClickException(f"{machine.name}: {command}: {done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
