"""The container engine's packages: exchanged for those of another source or version."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path

from pyinfra import host
from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from changes import Change
from facts.engine import RunningContainers
from facts.packages import Packages
from facts.sources import Source
from operations import packages as apt
from operations.packages import Around
from operations.service import UNREADABLE

SCRIPT = Path(__file__).with_name("engine.sh")


@operation()
def installed(
    packages: Sequence[str],
    without: Sequence[str],
    sources: Sequence[Source] = (),
    held: Sequence[str] = (),
) -> Generator[StringCommand]:
    """
    Have the engine from these packages; one that is exchanged comes back with its containers.

    + packages: names, or `name=version`, as for `packages.installed`
    + without: packages of another source that are in their way; images, containers and volumes stay
    + sources: sources that an earlier operation of the run adds
    + held: names that apt shall not change by itself (apt-mark hold); this operation still does
    """
    found = apt.read(packages, without, sources)
    if found is None:
        yield StringCommand(UNREADABLE)
        return
    around = None
    if _is_exchanged(packages, without, found):
        running = host.get_fact(RunningContainers)
        if running is None:
            yield StringCommand(UNREADABLE)
            return
        restarts = [Change("container", "restart", x.name, {"image": x.image}) for x in running]
        engine = Change("setting", "restart", "docker.service containerd.service docker.socket")
        around = Around(_step("before"), _step("after"), (engine, *restarts))
    yield from apt.change(packages, without, found, held=held, around=around)


def _is_exchanged(packages: Sequence[str], without: Sequence[str], found: Packages) -> bool:
    names = {package.partition("=")[0] for package in packages} | set(without)
    return not names.isdisjoint((*found.replaced, *found.will_remove))


def _step(action: str) -> str:
    return f"action={action}\n{SCRIPT.read_text()}"
