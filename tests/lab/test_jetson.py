"""Jetson: both releases of the board, one that nobody knows, a power cut and a full NVMe disk."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Generator

import pytest

from lab.checkout import container_name
from lab.containers import wait_answering, wait_booted
from lab.jetson import DISK_BYTES, INSIDE
from lab.network import read
from tests.lab.background_run import BackgroundRun
from tests.lab.conftest import apply, converge, repair, shell
from tests.lab.test_faults_controller import leftovers
from tests.lab.waiting import wait_until

HOST = "jetson"
ROLES = "tests/lab/jetson_roles.py"
SERVER = "edge-server-1"
RELEASE_FILE = "/etc/nv_tegra_release"
FILL = "/mnt/nvme/fill"

UNKNOWN = (
    "it runs Jetson Linux r37.0.0, which is not known here; flash JetPack 6 (r36) or JetPack 7.2 "
    "(r39), or name the release in deploys/jetpack.py once its power modes, Docker and images are "
    "known to work"
)
NO_JETSON = (
    f"it has no {RELEASE_FILE}, so it is no Jetson with NVIDIA's Jetson Linux; flash it with "
    "JetPack 6 (r36) or JetPack 7.2 (r39), or take the host out of this role in inventory.py"
)


def play(release: str) -> None:
    """What a flash leaves; the disks keep what is on them."""
    shell(HOST, f"{INSIDE}/play {release}")


def in_force() -> str:
    """What the three roles have made of the host, and since when it runs."""
    return shell(
        HOST,
        "nvpmodel -q; sha256sum /etc/docker/daemon.json /opt/ai-idp/stacks/edge/compose.yaml;"
        " dpkg-query --show 'docker*' 'nvidia*' containerd;"
        " docker inspect --format '{{.Image}} {{.State.StartedAt}}' " + SERVER + ";"
        " systemctl show --property MainPID,ActiveState docker ai-idp-jetson-metrics",
    )


def answers_on_gpu() -> bool:
    """Whether the edge server answers, with all of the model on the GPU."""
    address = read().hosts[HOST]
    healthy = f"curl --silent --fail --max-time 5 http://{address}:8080/health >/dev/null"
    offloaded = f"docker logs {SERVER} 2>&1 | grep 'offloaded .* layers to GPU' | tail -n 1"
    words = shell(HOST, f"{healthy} && {offloaded}", check=False).split()
    done = next((word for word in words if "/" in word), "0/1").split("/")
    return done[0] == done[-1]


def image() -> str:
    """The image that the edge server runs."""
    return shell(HOST, f"docker inspect --format '{{{{.Config.Image}}}}' {SERVER}").strip()


@pytest.fixture(scope="module", autouse=True)
def start_converged() -> Generator[None]:
    """The tests go on from each other's release, from r36 and back to it."""
    play("r36")
    converge(HOST)
    yield
    shell(HOST, f"rm -f {FILL}")
    play("r36")
    converge(HOST, deploy=ROLES)


@pytest.fixture
def release() -> Generator[Callable[[str], str | None]]:
    """Gives the board another release file, or none, for one test."""
    kept = shell(HOST, f"cat {RELEASE_FILE}")

    def give(name: str) -> None:
        play(name) if name else shell(HOST, f"rm {RELEASE_FILE}")

    yield give
    shell(HOST, f"cat >{RELEASE_FILE} <<'END'\n{kept}END")


@pytest.mark.parametrize(
    ("name", "reason"),
    [pytest.param("r37", UNKNOWN, id="unknown"), pytest.param("", NO_JETSON, id="no Jetson")],
)
def test_a_release_that_nobody_knows_is_refused_before_anything_changes(
    name: str, reason: str, release: Callable[[str], str | None]
) -> None:
    before = in_force()
    release(name)
    run = apply(HOST, deploy=ROLES)
    assert run.returncode != 0
    assert reason in run.stderr
    assert in_force() == before


def test_a_full_nvme_stops_the_upgrade_while_the_old_server_answers() -> None:
    """The other release's image does not fit; with space it goes on."""
    old = image()
    play("r39")
    shell(HOST, "docker image prune --all --force")
    try:
        _fill_nvme()
        run = apply(HOST, deploy="deploys.edge.install")
        assert run.returncode != 0
        assert "has no room where Docker keeps its data; free some there" in run.stderr
        assert "edge: refused at 'prepare', nothing was changed" in run.stderr
        assert image() == old
        assert answers_on_gpu()
    finally:
        shell(HOST, f"rm {FILL}")
    repair(HOST, deploy="deploys.edge.install")
    assert image() != old


def test_a_power_cut_in_the_middle_of_the_upgrade_is_made_good_by_the_next_run() -> None:
    """From r36's engine to r39's, cut while packages are exchanged."""
    play("r39")
    with BackgroundRun(HOST, deploy=ROLES) as run:
        wait_until("packages are exchanged", _exchanging, 120)
        _cut_power()
        assert run.finished().returncode != 0
    repair(HOST, deploy=ROLES)
    assert leftovers(HOST) == set()
    wait_until("the edge server answers on the GPU", answers_on_gpu)


def test_r36_converges_too() -> None:
    play("r36")
    repair(HOST, deploy=ROLES)
    wait_until("the edge server answers on the GPU", answers_on_gpu)


def _fill_nvme() -> None:
    """Leave nothing, of what the file system keeps for root neither, as Docker is root."""
    # One that asks for more than there is fails, and keeps what it got.
    shell(HOST, f"fallocate --length {DISK_BYTES} {FILL} || :")


def _exchanging() -> bool:
    # Not the look of a plan: `dpkg --audit`.
    at_work = shell(HOST, "pgrep --list-full '^dpkg$'", check=False)
    return "--unpack" in at_work or "--configure" in at_work


def _cut_power() -> None:
    """The host loses its power and gets it back: nothing of it can react."""
    subprocess.run(["docker", "kill", "--signal=KILL", container_name(HOST)], check=True)
    subprocess.run(["docker", "start", container_name(HOST)], check=True)
    wait_booted([HOST])
    wait_answering([read().hosts[HOST]])
