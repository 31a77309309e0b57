"""Docker's data root on the Jetson: what lies in it is not left behind, and goes along by hand."""

from __future__ import annotations

import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.lab.altered_checkout import AlteredCheckout
from tests.lab.conftest import INVENTORY, converge, shell

JETSON = "jetson"
ROLE = "deploys.docker.install"
ON_NVME = "/mnt/nvme/docker"
ELSEWHERE = "/mnt/nvme/elsewhere"
SETTING = f'"jetson": {{"docker": _docker.model_copy(update={{"data_root": "{ELSEWHERE}"}}), '
STOP = "docker ps -q | xargs -r docker stop && systemctl stop docker.socket docker.service"
COPY = (
    f"{STOP} && mkdir -p {ELSEWHERE} && cp -a {ON_NVME}/. {ELSEWHERE}/ && "
    f"mv {ON_NVME} {ON_NVME}.before"
)
VOLUME = "docker volume inspect --format '{{.Mountpoint}}' kept-by-hand"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Generator[AlteredCheckout]:
    """A checkout whose Jetson has its data root elsewhere; a volume lies where it is now."""
    converge(JETSON, deploy=ROLE)
    shell(JETSON, "docker volume create kept-by-hand")
    checkout = AlteredCheckout(tmp_path)
    checkout.replace("lab/inventory.py", '"jetson": {', SETTING)
    yield checkout
    shell(JETSON, "docker volume rm kept-by-hand")
    if shell(JETSON, f"ls -d {ELSEWHERE} 2>/dev/null", check=False):
        shell(JETSON, f"{STOP} && rm -rf {ON_NVME} {ON_NVME}.before && mv {ELSEWHERE} {ON_NVME}")
    converge(JETSON)


def planned(checkout: AlteredCheckout) -> subprocess.CompletedProcess[str]:
    command = ["./plan", INVENTORY, "--limit", JETSON, "--deploy", ROLE]
    return subprocess.run(command, cwd=checkout.directory, capture_output=True, text=True)


def test_data_are_not_left_behind_and_the_named_commands_take_them_along(
    elsewhere: AlteredCheckout,
) -> None:
    refused = planned(elsewhere)
    assert refused.returncode == 1
    assert "the volumes kept-by-hand, which nothing here moves or loses" in refused.stderr
    assert f"as root: {COPY}; then run this again" in refused.stderr
    shell(JETSON, COPY)
    done = elsewhere.apply(JETSON, deploy=ROLE)
    assert done.returncode == 0, done.stdout
    assert shell(JETSON, VOLUME).strip() == f"{ELSEWHERE}/volumes/kept-by-hand/_data"
    assert planned(elsewhere).returncode == 0
