"""Docker's source: from one to the other and back, and what a faulty repository leads to."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Generator
from contextlib import contextmanager
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from lab.observer import observe
from lab.outside import HOST as OUTSIDE
from tests.lab import gateway
from tests.lab.altered_checkout import AlteredCheckout
from tests.lab.announced import differences
from tests.lab.conftest import INVENTORY, Done, apply, changed, converge, plan, repair, shell

SERVER = "schlimers-server"
JETSON = "jetson"
ROLE = "deploys.docker.install"
ANOTHER_KEY = (Path(__file__).parent.parent / "facts" / "keys" / "one.asc").read_text()
SOURCE_FILES = (
    "/etc/apt/keyrings/ai-idp-docker.asc",
    "/etc/apt/sources.list.d/ai-idp-docker.sources",
)
KEEPER = (
    "docker run --detach --name keeper-data-1 --restart unless-stopped --volume keeper:/kept"
    " --label com.docker.compose.project=keeper --label com.docker.compose.service=data"
    " --entrypoint sleep {image} infinity"
)
ENGINE = ("docker-ce", "docker-ce-cli")
IN_VOLUME = "docker exec keeper-data-1 cat /kept/note"
IN_CONTAINER = "docker exec keeper-data-1 cat /root/note"

Rows = list[dict[str, Any]]
Checkout = Callable[[str, str], AlteredCheckout]


@pytest.fixture(scope="module", autouse=True)
def start_converged() -> Generator[None]:
    """Every test here finds both hosts converged and leaves them so."""
    converge(SERVER, JETSON)
    yield
    converge(SERVER, JETSON)


@pytest.fixture
def altered(tmp_path: Path) -> Generator[Checkout]:
    """A checkout whose lab takes its server's engine from elsewhere, or in another version."""

    def make(old: str, new: str) -> AlteredCheckout:
        checkout = AlteredCheckout(tmp_path)
        checkout.replace("lab/inventory.py", old, new)
        return checkout

    yield make
    converge("docker", deploy=ROLE)


@pytest.fixture
def keeper() -> Generator[None]:
    """Somebody's own container, with something in its volume and something in itself."""
    find = "docker inspect --format '{{.Config.Image}}' llama_cpp-server-1"
    shell(SERVER, KEEPER.format(image=shell(SERVER, find).strip()))
    shell(SERVER, "docker exec --user 0 keeper-data-1 sh -c 'echo volume >/kept/note'")
    shell(SERVER, "docker exec --user 0 keeper-data-1 sh -c 'mkdir -p /root; echo own >/root/note'")
    yield
    shell(SERVER, "docker rm --force keeper-data-1 && docker volume rm keeper")


def planned(checkout: Path, host: str) -> dict[str, Any]:
    command = ["./plan", INVENTORY, "--json", "--limit", host, "--deploy", ROLE]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True)
    shown: dict[str, Any] = json.loads(done.stdout)
    return shown


def moved(checkout: Path, run: Callable[[], Done]) -> Rows:
    """Plan, run, and insist that the one was the other and that nothing is left to do."""
    rows: Rows = planned(checkout, SERVER)["hosts"][SERVER]
    before = observe(SERVER)
    done = run()
    assert done.returncode == 0, done.stdout + (done.stderr or "")
    assert differences(rows, before, observe(SERVER)) == []
    assert planned(checkout, SERVER)["exit_code"] == 0
    return rows


def packages(rows: Rows, action: str) -> set[str]:
    return {row["what"] for row in rows if (row["kind"], row["action"]) == ("package", action)}


def insist_that_all_is_kept(configuration: str) -> None:
    assert shell(SERVER, IN_VOLUME).strip() == "volume"
    assert shell(SERVER, IN_CONTAINER).strip() == "own"
    assert shell(SERVER, "cat /etc/docker/daemon.json") == configuration
    gateway.complete()


@pytest.mark.usefixtures("keeper")
def test_moving_to_the_distribution_and_back_keeps_volumes_and_containers(
    altered: Checkout,
) -> None:
    configuration = shell(SERVER, "cat /etc/docker/daemon.json")
    checkout = altered('{"source": "docker"}', '{"source": "distribution"}')
    away = moved(checkout.directory, lambda: checkout.apply(SERVER, deploy=ROLE))
    assert packages(away, "remove") >= {"docker-ce", "docker-ce-cli", "containerd.io"}
    assert packages(away, "install") >= {"docker.io", "docker-cli", "containerd", "runc"}
    assert {"keeper/data", "llama_cpp/server"} <= {row["what"] for row in away}
    insist_that_all_is_kept(configuration)

    back = moved(Path(), lambda: apply(SERVER, deploy=ROLE))
    assert packages(back, "remove") >= {"docker.io", "docker-cli", "containerd", "runc"}
    assert packages(back, "install") >= {"docker-ce", "docker-ce-cli", "containerd.io"}
    insist_that_all_is_kept(configuration)


def test_a_version_is_taken_up_and_down(altered: Checkout) -> None:
    version = "dpkg-query --show --showformat '${Version}' docker-ce"
    before = shell(SERVER, version)
    checkout = altered('{"source": "docker"}', '{"source": "docker", "version": "27.5.1"}')
    rows = moved(checkout.directory, lambda: checkout.apply(SERVER, deploy=ROLE))
    assert packages(rows, "modify") == {"docker-ce", "docker-ce-cli"}
    assert shell(SERVER, version).startswith("5:27.5.1-")
    newer = checkout.directory / "lab" / "inventory.py"
    newer.write_text(newer.read_text().replace("27.5.1", "28.5.2"))
    moved(checkout.directory, lambda: checkout.apply(SERVER, deploy=ROLE))
    assert shell(SERVER, version) == before


@pytest.mark.parametrize(
    ("edited", "removed"), [*permutations(SOURCE_FILES)], ids=["the key", "the source"]
)
def test_files_of_the_source_that_drifted_are_planned_and_repaired(
    edited: str, removed: str
) -> None:
    shell(SERVER, f"echo >>{edited} && rm {removed}")
    drifted = {("file", "modify", edited), ("file", "create", removed)}
    assert changed(plan(SERVER, deploy=ROLE)) == {SERVER: drifted}
    repair(SERVER, deploy=ROLE)


@contextmanager
def spoilt(spoil: str, mend: str) -> Generator[None]:
    """The outside world with a fault."""
    shell(OUTSIDE, spoil)
    try:
        yield
    finally:
        shell(OUTSIDE, mend)


TOP = "/srv/repositories/download.docker.com/linux/debian"
FAULTS = [
    pytest.param(
        f"cp {TOP}/gpg /tmp/gpg && cat >{TOP}/gpg <<'EOF'\n{ANOTHER_KEY}EOF",
        f"mv /tmp/gpg {TOP}/gpg",
        "does not answer with exactly the key",
        id="another key",
    ),
    pytest.param(
        f"cd {TOP}/dists/trixie && cp InRelease Release Release.gpg /tmp/ && rm Release.gpg"
        " && sed -i 's/^Label: .*/Label: Somebody/' InRelease",
        f"mv /tmp/InRelease /tmp/Release /tmp/Release.gpg {TOP}/dists/trixie/",
        "apt cannot read the source docker",
        id="an index that the key did not sign",
    ),
    pytest.param(
        "systemctl stop nginx",
        "systemctl start nginx",
        "cannot be fetched from https://download.docker.com/linux/debian/gpg",
        id="unreachable",
    ),
]


@pytest.mark.parametrize(("spoil", "mend", "reason"), FAULTS)
def test_a_faulty_repository_fails_the_host_and_changes_nothing(
    spoil: str, mend: str, reason: str
) -> None:
    # A host that has nothing of the repository yet, nor what an earlier plan has fetched.
    shell(JETSON, f"rm -rf /var/lib/ai-idp/apt {' '.join(SOURCE_FILES)}")
    shell(JETSON, "dpkg --remove --force-depends docker-compose-plugin")
    before = observe(JETSON)
    with spoilt(spoil, mend):
        shown = planned(Path(), JETSON)
        done = apply(JETSON, deploy=ROLE)
    assert shown["exit_code"] == 1
    assert reason in shown["failed"][JETSON]
    assert done.returncode != 0
    assert reason in done.stderr
    assert differences([], before, observe(JETSON)) == []


def test_an_engine_that_the_board_s_kernel_cannot_use_is_replaced_and_held_again() -> None:
    converge(JETSON, deploy=ROLE)
    newer = " ".join(f"{name}=5:28.5.2-*" for name in ENGINE)
    shell(JETSON, f"apt-get install -qq --allow-change-held-packages {newer}")
    drifted = {("package", "modify", name) for name in ENGINE}
    found = changed(plan(JETSON, deploy=ROLE))[JETSON]
    assert drifted <= found
    assert {what for kind, _, what in found if kind == "package"} == set(ENGINE)
    repair(JETSON, deploy=ROLE)
    shown = shell(
        JETSON, "dpkg-query --show --showformat '${Version}\\n' docker-ce && apt-mark showhold"
    )
    version, *held = shown.split()
    assert version.startswith("5:27.5.1-")
    assert set(ENGINE) <= set(held)
