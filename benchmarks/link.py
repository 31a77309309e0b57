"""Measures the link between the AI desktop and the Jetson: `make link` (both have to be on).

Writes `benchmarks/results/<date>-link.{json,csv}`, docs/link.md and docs/link.svg. The program that
measures is benchmarks/roundtrips.py, sent to the desktop over SSH.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

import inventory_json
import secret_store
from benchmarks import link_page, tracking
from benchmarks.link_result import LinkResult, Way, samples
from benchmarks.remote import RemoteError, run_python
from benchmarks.result import versions
from deploys.llama_server import LlamaServer
from deploys.topology import Machine, Topology
from inventory_json import ROOT, InventoryError, InventoryHost
from secret_store import SecretStoreError

SOURCE_ROLE, TARGET_ROLE, MODEL_ROLE = "nvidia", "edge", "llama_cpp"
USB_ADDRESS = "192.168.55.1"
"""The Jetson on the network of its USB device mode (Jetson Linux Developer Guide)."""

HIDDEN_SIZE = 3072
"""`hidden_size` of Llama 3.2 3B's config.json."""
VALUE_BYTES = 4
"""llama.cpp computes hidden states in 32-bit floats, and sends them so."""

LAB = ROOT / "lab" / "inventory.py"
MEASURER = Path(__file__).with_name("roundtrips.py")


@click.command()
@click.option("--inventory", type=Path, default=Path("inventory.py"), help="Whose hosts.")
@click.option("--rounds", default=1100, type=click.IntRange(1000), help="Rounds that count.")
@click.option("--warm-up", default=100, type=click.IntRange(10), help="Rounds before them.")
@click.option("--hidden-size", default=HIDDEN_SIZE, type=click.IntRange(64), help="Of the model.")
def main(inventory: Path, rounds: int, warm_up: int, hidden_size: int) -> None:
    """Measure requests from the host of `nvidia` to that of `edge`, and write it down."""
    try:
        result = measured(inventory, rounds, warm_up, hidden_size)
    except (InventoryError, RemoteError, SecretStoreError) as error:
        raise click.ClickException(str(error)) from error
    saved = result.save()
    click.echo(f"wrote {saved}, {saved.with_suffix('.csv')} and {link_page.write()}")
    click.echo(tracking.record("link", result, saved, inventory))


def measured(
    inventory: Path,
    rounds: int,
    warm_up: int,
    hidden_size: int,
    target_role: str = TARGET_ROLE,
    source_role: str = SOURCE_ROLE,
) -> LinkResult:
    """One measurement; InventoryError or RemoteError says what is missing, and where."""
    hosts = inventory_json.read(inventory)
    topology = inventory_json.topology(hosts)
    source = _only(topology, source_role, inventory)
    target = _only(topology, target_role, inventory)
    settings = {
        "address": target.address,
        "usb_address": USB_ADDRESS,
        "port": _server(target, target_role).port,
        "key": _key(target, target_role),
        "rounds": rounds,
        "warm_up": warm_up,
        "payload_bytes": hidden_size * VALUE_BYTES,
        "model": _model(source),
    }
    said = run_python(_host(hosts, source), program(settings))
    settings["server"] = target_role
    return _result(json.loads(said), settings, (source, target), hidden_size, inventory)


def program(settings: dict[str, Any]) -> str:
    """The program that measures, with its settings filled in."""
    # Not as arguments, which every process of the host may read: there are keys among them.
    return MEASURER.read_text().replace("= {}", f"= {settings!r}", 1)


def _result(
    said: dict[str, Any],
    settings: dict[str, Any],
    hosts: tuple[Machine, Machine],
    hidden_size: int,
    inventory: Path,
) -> LinkResult:
    source, target = hosts
    paths = said["paths"]
    result = LinkResult(
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        is_lab=inventory.resolve() == LAB,
        source=source.name,
        target=target.name,
        server=settings["server"],
        rounds=settings["rounds"],
        warm_up=settings["warm_up"],
        hidden_size=hidden_size,
        payload_bytes=settings["payload_bytes"],
        token_ms=tuple(said["token_ms"]),
        versions=versions(),
        ways=tuple(Way(**{k: v for k, v in path.items() if k != "samples"}) for path in paths),
        samples=tuple(samples(paths)),
    )
    if result.times("LAN", "kept") is None:
        reasons = ", ".join(result.errors("LAN"))
        raise RemoteError(
            f"{target.name} ({target.endpoint(settings['port'])}) answers no request of "
            f"{source.name}: {reasons}; switch {target.name} on, try: make verify "
            f"LIMIT={target.name}, then this again; nothing was written"
        )
    return result


def _only(topology: Topology, role: str, inventory: Path) -> Machine:
    having = topology.having(role)
    if not having:
        raise InventoryError(
            f"{inventory} has no host with the role {role}, and the link is measured from a host "
            f"of {SOURCE_ROLE} to one of {TARGET_ROLE}; add it there"
        )
    return having[0]


def _server(machine: Machine, role: str) -> LlamaServer:
    settings = machine.settings[role]
    assert isinstance(settings, LlamaServer), f"{role} is no llama-server"
    return settings


def _model(source: Machine) -> dict[str, Any] | None:
    """The measuring host's own chat model, whose tokens the link is held against."""
    if MODEL_ROLE not in source.settings:
        return None
    key = _key(source, MODEL_ROLE)
    return {"address": source.address, "port": _server(source, MODEL_ROLE).port, "key": key}


def _key(machine: Machine, role: str) -> str:
    store = secret_store.for_data(machine.data)
    return store.get(_server(machine, role).api_key).get_secret_value()


def _host(hosts: list[InventoryHost], machine: Machine) -> InventoryHost:
    return next(host for host in hosts if host.name == machine.name)


if __name__ == "__main__":
    main()
