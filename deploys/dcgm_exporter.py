"""DCGM exporter: temperature, power, memory and load of the graphics cards, for Prometheus.

Listens on `port` of the host's address for Prometheus alone, without a key. Keeps no data. Runs as
nobody and without SYS_ADMIN, which only profiling fields need, and those a GeForce card lacks.
"""

from __future__ import annotations

import csv
import re
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from pydantic import Field, field_validator
from pyinfra import host
from pyinfra.api.deploy import deploy

from deploys.declarations import GpuClaim, MemoryClaim, Port, Scrape
from deploys.images import Image
from deploys.rendering import render
from deploys.settings import Settings
from deploys.topology import Machine
from operations import compose
from operations.entries import Directory, Entry, File
from operations.transaction import Steps

PROJECT = "dcgm_exporter"
SERVICE = "server"
USER = "65532"
INNER_PORT = 9400
PIDS_LIMIT = 256
COUNTERS = Path(__file__).parent.parent / "files" / "dcgm_exporter" / "counters.csv"
INNER_COUNTERS = "/etc/dcgm-exporter/ai-idp.csv"
KINDS = ("gauge", "counter", "histogram", "label")
FIRST_MAJOR = 4

_MAJOR = re.compile(r":(\d+)\.\d+\.\d+-\d+\.\d+\.\d+")


class DcgmExporter(Settings):
    """Which cards are measured by which release, and how often."""

    role: ClassVar[str] = "dcgm_exporter"
    requires: ClassVar[tuple[str, ...]] = ("nvidia", "docker")

    image: Image = Field(description="a release of DCGM 4, `4.x.y-4.x.y-distroless`")
    port: int = Field(default=9400, ge=1, le=65535, description="metrics, without a key")
    cards: tuple[int, ...] = Field(
        default=(0,), min_length=1, description="which cards, in nvidia-smi's order"
    )
    interval_seconds: int = Field(
        default=10, ge=1, le=120, description="time between two measurements"
    )
    memory_limit_mib: int = Field(default=512, ge=128, description="memory of the container")
    further_counters: tuple[str, ...] = Field(
        default=(),
        description="lines beside those of files/dcgm_exporter/counters.csv: `FIELD, kind, help`",
    )

    @field_validator("image")
    @classmethod
    def _knows_blackwell(cls, image: str) -> str:
        found = _MAJOR.search(image)
        if found is None or int(found[1]) < FIRST_MAJOR:
            raise ValueError(
                f"`{image}` is no release of DCGM 4; those of DCGM 3 are older than Blackwell "
                "cards: use 4.5.3-4.8.2-distroless or newer"
            )
        return image

    @field_validator("further_counters")
    @classmethod
    def _are_counters(cls, lines: tuple[str, ...]) -> tuple[str, ...]:
        known = {field for field, _, _ in _counters(COUNTERS.read_text().splitlines())}
        for field, kind, _ in _counters(lines):
            if field.startswith("DCGM_FI_PROF_"):
                raise ValueError(
                    f"`{field}` is a profiling field: GeForce cards have none, and it would need "
                    "the capability SYS_ADMIN; take it out"
                )
            if kind not in KINDS:
                raise ValueError(f"`{kind}` of {field} is no kind; use one of {', '.join(KINDS)}")
            if field in known:
                raise ValueError(f"`{field}` is exported already; take it out")
            known.add(field)
        return lines

    def ports(self) -> tuple[Port, ...]:
        return (Port(self.port, "metrics", ("prometheus",), published_by_container=True),)

    def scrapes(self) -> tuple[Scrape, ...]:
        return (Scrape("dcgm", self.port),)

    def memory(self, machine: Machine) -> tuple[MemoryClaim, ...]:
        """Twice the limit: changed counters are tried beside the old exporter."""
        return (MemoryClaim(2 * self.memory_limit_mib),)

    def gpu_memory(self, machine: Machine) -> tuple[GpuClaim, ...]:
        """Nothing: without profiling, values come from the driver, and CUDA is not started."""
        return tuple(
            GpuClaim(card, share_mib=0, weights_mib=0, workspace_mib=0, context_mib=0)
            for card in self.cards
        )

    def counters(self) -> bytes:
        """The counters file: the fields of a GeForce card, and the further ones."""
        lines = [*COUNTERS.read_text().splitlines(), *self.further_counters]
        return "".join(f"{line}\n" for line in lines).encode()

    def command(self) -> tuple[str, ...]:
        """Arguments of the exporter. A container's name as host label would change with each."""
        return (
            *("--collectors", INNER_COUNTERS, "--address", f":{INNER_PORT}", "--no-hostname"),
            *("--collect-interval", str(self.interval_seconds * 1000)),
        )


@deploy("DCGM exporter")
def install() -> None:
    settings = DcgmExporter.of(host)
    address = str(host.data.ssh_hostname)
    compose.stack(
        name="Run the exporter",
        project=PROJECT,
        images={SERVICE: settings.image},
        entries=entries(settings, address),
        steps=steps(settings, address),
    )


@deploy("Remove DCGM exporter")
def remove() -> None:
    """Take the exporter off."""
    compose.removed(name="Remove the exporter", project=PROJECT)


def entries(settings: DcgmExporter, address: str) -> list[Entry]:
    """The files of the stack: its definition and the counters."""
    directory = compose.directory(PROJECT)
    values = {
        "project": PROJECT,
        "settings": settings,
        "pids_limit": PIDS_LIMIT,
        "address": address,
        "user": USER,
        "command": compose.command(settings.command()),
        "counters": f"{directory}/counters.csv",
        "inner_counters": INNER_COUNTERS,
        "inner_port": INNER_PORT,
    }
    return [
        Directory(directory, mode="0700"),
        File(f"{directory}/compose.yaml", render("dcgm_exporter/compose.yaml.j2", **values)),
        File(f"{directory}/counters.csv", settings.counters()),
    ]


def steps(settings: DcgmExporter, address: str) -> Steps:
    """Counters are tried before they count; the first values are there after one interval."""
    return Steps(
        validate=_step("validate", settings, address),
        probe=_step("probe", settings, address),
        probe_seconds=30 + settings.interval_seconds,
    )


def _counters(lines: Iterable[str]) -> list[tuple[str, str, str]]:
    """Field, kind and help of each line of a counters file, read as the exporter reads it."""
    found = []
    for line in lines:
        if line.startswith("#"):
            continue
        (parts,) = csv.reader([line])
        if len(parts) != 3:
            raise ValueError(f"`{line}` is no counter; write `FIELD, kind, help` without a comma")
        found.append((parts[0].strip(), parts[1].strip(), parts[2].strip()))
    return found


def _step(name: str, settings: DcgmExporter, address: str) -> str:
    return render(
        f"dcgm_exporter/steps/{name}.sh.j2",
        directory=compose.directory(PROJECT),
        settings=settings,
        user=USER,
        command=shlex.join(settings.command()),
        inner_counters=INNER_COUNTERS,
        url=f"http://{address}:{settings.port}",
    ).decode()
