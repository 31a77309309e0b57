"""Measures runs over the lab against each other: `make bench` (the lab has to be up and converged).

Writes `benchmarks/results/<date>-lab.json` and docs/speed.md. A figure is a ratio of runs that
were paired in time: seconds of one small computer would say nothing about another.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click

import planning
from benchmarks import sample, speed_page, tracking
from benchmarks.pairs import Comparison, Contender, compare
from benchmarks.remote_commands import count
from benchmarks.result import Result, machine, versions
from lab import network
from lab.checkout import KEY_FILE, KNOWN_HOSTS_FILE, ROOT, container_name
from operations.transaction import STATE

INVENTORY = "lab/inventory.py"
AS_SHIPPED = ("--group-data", "benchmarks/as_shipped")


@click.command()
@click.option("--pairs", default=7, type=click.IntRange(5), help="Runs of each side that count.")
def main(pairs: int) -> None:
    """Measure the lab of this checkout and write down what was measured."""
    if planning.make(INVENTORY).exit_code != 0:
        raise click.ClickException("the lab is not converged; run `make lab` first")
    hosts = tuple(network.read().hosts)
    try:
        comparisons = tuple(_comparisons(hosts, pairs))
    finally:
        _remove_sample(hosts)
    result = Result(
        when=datetime.now(UTC).strftime("%Y-%m-%d"),
        hosts=len(hosts),
        files=len(sample.NUMBERS),
        machine=machine(),
        versions=versions(),
        comparisons=comparisons,
        remote_commands=count(INVENTORY, "deploy.py", "-y"),
    )
    saved = result.save()
    click.echo(f"wrote {saved} and {speed_page.write()}")
    click.echo(tracking.record("converged", result, saved, ROOT / INVENTORY))


def _comparisons(hosts: Iterable[str], pairs: int) -> Iterable[Comparison]:
    for what, beside in _contenders(tuple(hosts)):
        click.echo(f"{what.name}, beside {beside.name}: ", nl=False)
        comparison = compare(what, beside, pairs)
        click.echo(f"{comparison.ratio:.2f}")
        yield comparison


def _contenders(hosts: tuple[str, ...]) -> Iterable[tuple[Contender, Contender]]:
    reset = partial(_remove_sample, hosts)
    converged = Contender("The whole roll-out, converged", partial(_pyinfra, "deploy.py"))
    yield converged, Contender("`ssh HOST true` on every host at once", _ssh_everywhere)
    yield converged, Contender("`pyinfra INVENTORY exec -- true`", _exec_everywhere)
    one_set = Contender("The files as one set, converged", _deploy("one_set"))
    yield _one_by_one("over our connection, converged", _nothing), one_set
    yield _one_by_one("as pyinfra ships it, converged", _nothing, *AS_SHIPPED), one_set
    first = Contender("The files as one set, first run", _deploy("one_set"), reset)
    yield _one_by_one("as pyinfra ships it, first run", reset, *AS_SHIPPED), first


def _one_by_one(name: str, undo: Callable[[], None], *arguments: str) -> Contender:
    run = _deploy("one_by_one", *arguments)
    return Contender(f"`files.template` for each file {name}", run, undo)


def _deploy(name: str, *arguments: str) -> Callable[[], None]:
    return partial(_pyinfra, f"benchmarks/{name}.py", *arguments)


def _pyinfra(deploy: str, *arguments: str) -> None:
    _run(_PYINFRA, "-y", INVENTORY, deploy, *arguments)


def _exec_everywhere() -> None:
    _run(_PYINFRA, INVENTORY, "exec", "--", "true")


def _ssh_everywhere() -> None:
    """The floor: OpenSSH's own client, one process for each host."""
    options = ["-F", "none", "-i", str(KEY_FILE), "-o", f"UserKnownHostsFile={KNOWN_HOSTS_FILE}"]
    command = ["ssh", *options, "-o", "BatchMode=yes", "-l", "ai-idp"]
    _each(lambda address: _run(*command, address, "true"), network.read().hosts.values())


def _remove_sample(hosts: Iterable[str]) -> None:
    remove = f"rm -rf {sample.DIRECTORY} {STATE}/{sample.SERVICE}"
    _each(lambda host: _run("docker", "exec", container_name(host), "sh", "-c", remove), hosts)


def _each(task: Callable[[str], None], items: Iterable[str]) -> None:
    names = list(items)
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(task, names))


def _nothing() -> None:
    """What there is to undo before a converged run."""


def _run(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        raise click.ClickException(f"{' '.join(command)} failed:\n{done.stderr}")


_PYINFRA = str(Path(sys.executable).with_name("pyinfra"))

if __name__ == "__main__":
    main()
