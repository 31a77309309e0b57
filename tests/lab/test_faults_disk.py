"""Faults: a disk that is full when a change arrives takes nothing of what serves with it."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.lab.altered_checkout import AlteredCheckout
from tests.lab.conftest import converge, shell

HOST = "sclimers-observation"
ROLE = "deploys.prometheus.install"
STATE = "/var/lib/ai-idp"
SERVED = "/etc/prometheus"
TEMPLATE = "templates/prometheus/prometheus.yml.j2"
CHANGE_KIB = 256
SmallDisk = Callable[[str, int], None]


@pytest.fixture(scope="module", autouse=True)
def start_converged() -> None:
    """Every test here finds a converged host and leaves one."""
    converge(HOST)


@pytest.fixture
def checkout(tmp_path: Path) -> Generator[AlteredCheckout]:
    """Its change is a good one, and as large as its file has never been."""
    altered = AlteredCheckout(tmp_path)
    # What does not repeat itself does not become small on its way.
    noise = random.Random(0)
    altered.append(
        TEMPLATE, "\n".join(f"# {noise.randbytes(512).hex()}" for _ in range(CHANGE_KIB))
    )
    yield altered
    converge(HOST, deploy=ROLE)


@pytest.fixture
def small_disk(checkout: AlteredCheckout) -> Generator[SmallDisk]:
    """Puts a directory on a file system of its own that has so many KiB free."""
    with ExitStack() as disks:
        yield lambda directory, free_kib: disks.enter_context(_small_disk(directory, free_kib))


@contextmanager
def _small_disk(directory: str, free_kib: int) -> Generator[None]:
    shell(
        HOST,
        "mkdir /run/small && mount -t tmpfs -o size=4m tmpfs /run/small"
        f" && cp -a {directory}/. /run/small && mount --bind /run/small {directory}",
    )
    try:
        shell(
            HOST,
            "dd if=/dev/zero of=/run/small/fill bs=4k 2>/dev/null;"
            f" truncate --size=-{free_kib}K /run/small/fill",
        )
        yield
    finally:
        shell(HOST, f"umount {directory} /run/small && rmdir /run/small")


def served() -> str:
    """What Prometheus is configured with, and which process serves it."""
    return shell(
        HOST,
        f"cd {SERVED} && find . ! -name fill ! -type d -printf '%p %m %u:%g %l\\n' | sort"
        " && find . ! -name fill -type f -exec sha256sum {} + | sort -k 2"
        " && systemctl show --property MainPID,ActiveState prometheus",
    )


@pytest.mark.parametrize(
    ("directory", "free_kib"),
    [
        pytest.param(STATE, 0, id="nothing fits"),
        pytest.param(STATE, 64, id="a part of the upload fits"),
        pytest.param(SERVED, 64, id="the new files do not fit where they belong"),
    ],
)
def test_a_full_disk_refuses_the_change_and_leaves_nothing_half_written(
    checkout: AlteredCheckout, small_disk: SmallDisk, directory: str, free_kib: int
) -> None:
    before = served()
    small_disk(directory, free_kib)
    run = checkout.apply(HOST, deploy=ROLE)
    assert run.returncode != 0
    assert "No space left on device" in run.stdout
    assert served() == before


def test_the_change_of_these_tests_lands_where_there_is_space(
    checkout: AlteredCheckout, small_disk: SmallDisk
) -> None:
    before = served()
    small_disk(STATE, 2048)
    run = checkout.apply(HOST, deploy=ROLE)
    assert run.returncode == 0, run.stdout
    assert served() != before
