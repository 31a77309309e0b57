"""The budget's page: a table, a bar for each resource, and the refusals of the same inventory."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from budget.amounts import Part, Resource
from budget.bar import CELLS, bar, legend, segments
from budget.report import budget_of
from deploys.declarations import DiskClaim, GpuClaim, MemoryClaim
from deploys.hardware import Gpu, Hardware
from deploys.settings import Settings
from deploys.topology import Machine

ROOT = Path(__file__).parents[2]
SAMPLE_ROLES = Path(__file__).parent / "sample_roles"
GIB = 1024**3


class Server(Settings):
    """Stands for a server of two models, one of them without a cache."""

    role = "server"
    share_mib: int = 12682
    parallel_sequences: int = 32

    def memory(self, machine: Machine) -> tuple[MemoryClaim, ...]:
        return (MemoryClaim(16384),)

    def gpu_memory(self, machine: Machine) -> tuple[GpuClaim, ...]:
        return (
            GpuClaim(0, self.share_mib, 8660, 1024, 400, 16384, GIB, self.parallel_sequences),
            GpuClaim(0, 600, 140, 60, 400),
        )

    def disk(self, machine: Machine) -> tuple[DiskClaim, ...]:
        return (DiskClaim("/srv/models", 9 * GIB, 10 * GIB),)


HARDWARE = Hardware(
    physical_cores=12,
    memory_gib=128,
    disk_gib=900,
    gpus=(Gpu(name="NVIDIA GeForce RTX 5070 Ti", memory_mib=16303),),
)


def page(settings: Server, hardware: Hardware = HARDWARE) -> list[str]:
    machine = Machine("one", "192.0.2.1", (), {"server": settings}, {"hardware": hardware})
    drawn = budget_of(machine)
    assert drawn is not None
    console = Console(file=io.StringIO(), width=100, highlight=False)
    console.print(drawn)
    assert isinstance(console.file, io.StringIO)
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines()]


def test_a_host_opens_with_what_it_has() -> None:
    assert page(Server())[0] == (
        "one 12 cores, 128 GiB memory, 900 GiB disk, NVIDIA GeForce RTX 5070 Ti"
    )


@pytest.mark.parametrize(
    "row",
    [
        "card 0 server weights 8660 8.5 55%",
        "server workspace 1024 1.0 6%",
        "server context 400 0.4 3%",
        "server cache 2598 2.5 16%",
        "server weights 140 0.1 <1%",
        "free 2571 2.5 16%",
        "memory system 6144 6.0 5%",
        "server memory limit 16384 16.0 12%",
        "disk server /srv/models 9216 9.0 1%",
        "to stay free 10240 10.0 1%",
    ],
)
def test_the_table_says_who_takes_how_much_for_what(row: str) -> None:
    assert row in page(Server())


def test_the_full_length_sequences_that_fit_are_stated_and_that_the_others_wait() -> None:
    said = "server: its cache holds 41568 tokens, 2.5 sequences of 16384 at once; "
    assert f"{said}of 32 the others wait" in page(Server())
    assert f"{said}it takes 2" in page(Server(parallel_sequences=2))


def test_what_is_too_much_stands_in_the_table_and_above_the_bar() -> None:
    lines = page(Server(share_mib=16000))
    assert "TOO MUCH 747 0.7 5%" in lines
    assert "card 0: 16600 of 15853 MiB (16303 less driver 450), 747 MiB too much" in lines


@pytest.mark.parametrize(
    ("unusable", "display", "said"),
    [
        (450, 0, "card 0: 13282 of 15853 MiB (16303 less driver 450)"),
        (450, 800, "card 0: 13282 of 15053 MiB (16303 less driver 450 + display 800)"),
        (0, 0, "card 0: 13282 of 16303 MiB"),
    ],
)
def test_a_card_says_what_nobody_may_take_of_it(unusable: int, display: int, said: str) -> None:
    card = Gpu(name="any", memory_mib=16303, unusable_mib=unusable, display_mib=display)
    assert said in page(Server(), HARDWARE.model_copy(update={"gpus": (card,)}))


def test_a_share_that_holds_no_sequence_says_by_how_much() -> None:
    assert "server: its share of 11000 MiB is 108 MiB too little" in page(Server(share_mib=11000))


def test_a_host_of_unknown_hardware_has_no_page() -> None:
    assert budget_of(Machine("one", "192.0.2.1", (), {"server": Server()}, {})) is None


def resource(capacity_mib: int, *amounts: int) -> Resource:
    return Resource("memory", capacity_mib, tuple(Part("server", "x", mib) for mib in amounts))


@pytest.mark.parametrize(
    ("given", "drawn"),
    [
        (resource(64), "·" * 64 + "┃"),
        (resource(64, 16, 8), "█" * 16 + "▓" * 8 + "·" * 40 + "┃"),
        (resource(64, 32, 32), "█" * 32 + "▓" * 32 + "┃"),
        (resource(64, 96, 32), "█" * 32 + "┃" + "█" * 16 + "▓" * 16),
        (resource(6400, 6300, 101), "█" * 63 + "┃" + "▓"),
        (resource(640000, 1, 1, 0), "█▓" + "·" * 62 + "┃"),
        (resource(64, 10, 10, 10, 10, 10, 10), "".join(c * 10 for c in "█▓▒░▚▤") + "····┃"),
    ],
)
def test_a_bar_shows_parts_free_space_and_where_the_capacity_ends(
    given: Resource, drawn: str
) -> None:
    assert bar(given).plain == drawn
    assert len(bar(given)) == CELLS + 1


def test_what_lies_beyond_the_capacity_is_red() -> None:
    styles = [(span.start, str(span.style)) for span in bar(resource(64, 96, 32)).spans]
    assert {style for start, style in styles if start > 32} == {"bold red"}
    assert "bold red" not in {style for start, style in styles if start <= 32}


def test_the_legend_names_every_part_that_is_drawn() -> None:
    parts = (
        Part("store", "/srv", 8),
        Part("server", "a", 8),
        Part("server", "b", 8),
        Part("", "to stay free", 8),
    )
    given = Resource("disk", 64, parts)
    assert legend(given).plain == ("█ store   ▓ server a   ▒ server b   ░ to stay free   · free")
    assert [drawn.colour for drawn in segments(given)] == ["cyan", "green", "green", "white"]


INVENTORY = f"""
import deploys
import preflight
from deploys.hardware import Gpu as _Gpu
from deploys.hardware import Hardware as _Hardware

deploys.__path__.append({str(SAMPLE_ROLES)!r})
from deploys.seed_vllm import SeedVllm as _SeedVllm

_hardware = _Hardware(
    physical_cores=12,
    memory_gib=128,
    disk_gib=900,
    gpus=(_Gpu(name="NVIDIA GeForce RTX 5070 Ti", memory_mib=16303),),
)
_settings = _SeedVllm(utilization=UTILIZATION)
all = [
    ("one", {{"ssh_hostname": "192.0.2.1", "hardware": _hardware, "seed_vllm": _settings}}),
    ("two", {{"ssh_hostname": "192.0.2.2"}}),
]
seed_vllm = ["one"]

preflight.check(__file__)
"""


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(utilization: float, *arguments: str) -> subprocess.CompletedProcess[str]:
        inventory = tmp_path / "inventory.py"
        inventory.write_text(INVENTORY.replace("UTILIZATION", str(utilization)))
        return subprocess.run(
            [sys.executable, "-m", "budget", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )

    return run


def test_the_command_draws_plain_text_where_there_is_no_terminal(
    command: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = command(0.80)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert "card 0: 12682 of 15853 MiB" in done.stdout
    assert "No hardware is declared for two." in done.stdout


def test_the_command_draws_what_it_refuses(
    command: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = command(0.98, "--limit", "one")
    assert done.returncode == 1
    assert "card 0: 15535 of 15853 MiB" in done.stdout
    assert done.stderr.splitlines() == [
        "Refused before any connection, for 1 reason(s):",
        "  - one card 0 (NVIDIA GeForce RTX 5070 Ti, 15853 MiB usable): seed_vllm starts only with "
        "its share of 15535 MiB free, but of 15853 MiB its own context 400 leave 15453 MiB; "
        "lower a share in group_data/seed_vllm.py",
    ]


def test_pyinfra_itself_refuses_the_same_inventory(
    command: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    command(0.50)
    done = subprocess.run(
        [sys.executable, "-m", "pyinfra", "inventory.py", "debug-inventory"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "= 11108 MiB, but its share is 7926 MiB, 3182 MiB too little" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--limit", "oen"], "--limit oen: matches no host and no role; did you mean one?"),
        (["--inventory", "none.py"], "there is no inventory none.py; name one with --inventory"),
    ],
)
def test_a_name_that_nothing_has_is_refused(
    command: Callable[..., subprocess.CompletedProcess[str]], arguments: list[str], said: str
) -> None:
    done = command(0.80, *arguments)
    assert done.returncode != 0
    assert said in done.stderr
