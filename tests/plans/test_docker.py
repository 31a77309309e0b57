"""Docker on the boards: what a Jetson of each release gets, and what it is refused."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from deploys import docker, docker_daemon
from deploys.docker import Docker
from deploys.models import Models
from facts.distribution import Linux
from facts.storage import FileSystem, Storage
from tests.fake_host import Run, run
from tests.unit.sample_models import CHAT

JAMMY = ["ID=ubuntu", 'VERSION_ID="22.04"', "VERSION_CODENAME=jammy"]
NOBLE = ["ID=ubuntu", 'VERSION_ID="24.04"', "VERSION_CODENAME=noble"]
TRIXIE = ["ID=debian", 'VERSION_ID="13"', "VERSION_CODENAME=trixie"]
R36 = "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64, DATE: x"
R37 = R36.replace("R36", "R37")
R39 = "# R39 (release), REVISION: 2.0, GCID: 1, BOARD: generic, EABI: aarch64, DATE: x"
CARD = {"name": "/dev/mmcblk1p1", "type": "part", "fstype": "ext4", "mountpoints": ["/"]}
FAST = {
    **{"name": "/dev/nvme0n1", "type": "disk", "tran": "nvme", "fstype": "ext4"},
    "mountpoints": ["/mnt/nvme"],
}
TOOLKIT = "nvidia-container-toolkit"
# jammy-updates of 2026, and Docker's repository.
UBUNTU_S = "29.1.3-0ubuntu3~22.04.2"
DOCKER_S = "5:29.8.1-1~ubuntu.22.04~jammy"


def board(
    linux: list[str],
    release: str,
    packages: list[str],
    disks: list[dict[str, Any]] | None = None,
    toolkit: str = "yes",
    kept: tuple[str, ...] = (),
) -> dict[str, Any]:
    """What a Jetson answers; `packages` are lines of the fact about packages."""
    tree = json.dumps({"blockdevices": [CARD] if disks is None else disks})
    return {
        "head -n 1 /etc/nv_tegra_release": [release, "end"] if release else ["end"],
        "disks=": [f"disks\t{tree}", "root\t/var/lib/docker", *kept, "end"],
        "repo[.]download": [toolkit],
        "/etc/os-release": linux,
        "end of sources": ["source\tdocker", "end", "key\tS0VZ", "end of sources"],
        "names=$(cat)": [*packages, "end"],
        "com.docker.compose": ["end"],
        "wanted=$(cat)": ["end"],
    }


def roll_out(answers: dict[str, Any], settings: Docker | None = None) -> Run:
    data = {"docker": settings or Docker(), "ssh_hostname": "192.0.2.1"}
    return run(docker.install, answers, data, groups=("docker",))


def variables(outcome: Run) -> dict[str, str]:
    """What apt is asked for; the texts are quoted within a quoted text."""
    (command,) = (text for text in outcome.commands if "action=install" in text)
    found = re.findall(r"^(packages|hold)=(.*)$", command, re.MULTILINE)
    return {name: value.replace("'", "").replace('"', "") for name, value in found}


def steps(outcome: Run) -> list[str]:
    """The steps that change something, by what they run."""
    marks = {
        "action=install": "install",
        "services/docker/transaction/transaction.sh start": "docker",
        "services/apt-docker/transaction/transaction.sh start": "source",
    }
    return [name for command in outcome.commands for mark, name in marks.items() if mark in command]


def test_jammy_of_r36_gets_the_engine_that_works_and_holds_it() -> None:
    found = ["will\tdocker-ce\t5:27.5.1-1~ubuntu.22.04~jammy"]
    outcome = roll_out(board(JAMMY, R36, found))
    assert outcome.succeeded
    assert steps(outcome) == ["source", "install", "docker"]
    assert variables(outcome) == {
        "packages": "ca-certificates containerd.io curl docker-buildx-plugin "
        "docker-ce-cli=5:27.5.1-* docker-ce=5:27.5.1-* docker-compose-plugin "
        "nvidia-container-toolkit",
        "hold": "docker-ce docker-ce-cli",
    }


def test_the_repository_is_ubuntu_s_for_whatever_architecture_apt_has() -> None:
    text = Docker().repository(Linux("ubuntu", "22.04", "jammy")).list_text()
    assert "\nURIs: https://download.docker.com/linux/ubuntu\nSuites: jammy\n" in text
    assert "Architectures" not in text


@pytest.mark.parametrize(
    ("name", "version"), [("docker-ce", DOCKER_S), ("docker.io", UBUNTU_S)], ids=["ce", "io"]
)
def test_an_engine_that_does_not_work_there_is_replaced_with_its_containers(
    name: str, version: str
) -> None:
    new = "5:27.5.1-1~ubuntu.22.04~jammy"
    lines = [f"have\t{name}\tinstalled\t{version}\tinstall", "have\tcurl\tinstalled\t8\tinstall"]
    swap = [f"will\tdocker-ce\t{new}\t{version}"] if name == "docker-ce" else ["gone\tdocker.io"]
    outcome = roll_out(board(JAMMY, R36, [*lines, *swap]))
    assert outcome.succeeded
    assert "docker-ce=5:27.5.1-*" in variables(outcome)["packages"].split()
    assert ("docker.io-" in variables(outcome)["packages"].split()) == (name == "docker.io")
    (install,) = (text for text in outcome.commands if "action=install" in text)
    assert "action=before" in install
    assert "action=after" in install


def test_noble_of_r39_gets_the_distribution_s_in_any_version() -> None:
    found = ["will\tdocker.io\t29.1.3-0ubuntu3~24.04.1"]
    outcome = roll_out(board(NOBLE, R39, found))
    assert outcome.succeeded
    assert steps(outcome) == ["install", "docker"]
    assert variables(outcome) == {
        "packages": "ca-certificates curl docker-compose-v2 docker.io nvidia-container-toolkit",
        "hold": "",
    }


def test_debian_with_a_board_s_files_is_a_board() -> None:
    outcome = roll_out(board(TRIXIE, R36, ["will\tdocker-ce\t5:27.5.1-1~debian.13~trixie"]))
    assert outcome.succeeded
    assert "docker-ce=5:27.5.1-*" in variables(outcome)["packages"].split()


def test_another_machine_gets_no_toolkit() -> None:
    outcome = roll_out(board(JAMMY, "", [f"will\tdocker.io\t{UBUNTU_S}"]))
    assert outcome.succeeded
    assert TOOLKIT not in variables(outcome)["packages"]
    assert variables(outcome)["hold"] == ""


@pytest.mark.parametrize(
    ("settings", "packages"),
    [
        (Docker(version="29.8.1"), ["end"]),
        (Docker(source="docker", version="28.0.4"), ["end"]),
        (Docker(source="distribution"), [f"will\tdocker.io\t{UBUNTU_S}"]),
        (Docker(source="distribution"), [f"have\tdocker.io\tinstalled\t{UBUNTU_S}\tinstall"]),
    ],
)
def test_what_would_not_work_there_is_refused_before_anything_changes(
    settings: Docker, packages: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    outcome = roll_out(board(JAMMY, R36, packages), settings)
    assert not outcome.succeeded
    assert steps(outcome) == []
    assert "has no raw table of iptables" in caplog.text
    assert "and it gets 27.5.1, which does" in caplog.text


def test_the_distribution_s_is_taken_while_it_is_old_enough() -> None:
    found = ["will\tdocker.io\t27.5.1-0ubuntu3~22.04.2"]
    outcome = roll_out(board(JAMMY, R36, found), Docker(source="distribution"))
    assert outcome.succeeded
    assert variables(outcome)["hold"] == "docker.io"


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (board(JAMMY, R37, []), "it runs Jetson Linux r37.4.3, which is not known here"),
        (board(JAMMY, R36, [], toolkit="no"), "apt knows no source of nvidia-container-toolkit"),
        (
            board(JAMMY, R36, [], disks=[CARD, {**FAST, "mountpoints": [None]}]),
            "its NVMe disk (/dev/nvme0n1) has no file system mounted",
        ),
        (
            board(JAMMY, R36, [], disks=[CARD, FAST], kept=("volume\tnotes",)),
            "/var/lib/docker holds the volumes notes, which nothing here moves or loses",
        ),
        (
            {**board(JAMMY, R36, []), "disks=": {"success": False, "stderr": "unreadable"}},
            "unreadable",
        ),
    ],
)
def test_a_board_that_is_not_ready_is_left_as_it_is(
    answers: dict[str, Any], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    outcome = roll_out(answers)
    assert not outcome.succeeded
    assert steps(outcome) == []
    assert said in caplog.text


def test_a_disk_for_models_is_not_taken_for_docker_too(caplog: pytest.LogCaptureFixture) -> None:
    shelf = Models(catalogue=(CHAT,), directory="/srv/models")
    data = {"docker": Docker(), "models": shelf, "ssh_hostname": "192.0.2.1"}
    answers = board(JAMMY, R36, [], disks=[CARD, {**FAST, "mountpoints": ["/srv/models"]}])
    outcome = run(docker.install, answers, data, groups=("docker", "models"))
    assert not outcome.succeeded
    assert steps(outcome) == []
    assert "Docker's data would lie in /srv/models/docker, among the models" in caplog.text


def members(entries: list[Any]) -> dict[str, bytes]:
    return {entry.path: getattr(entry, "content", b"") for entry in entries}


def test_the_runtime_and_the_disk_are_in_the_configuration() -> None:
    storage = Storage("/var/lib/docker", file_systems=(FileSystem("/mnt/nvme", "ext4", True),))
    found = members(docker_daemon.entries(Docker(), True, "/mnt/nvme/docker", storage))
    daemon = json.loads(found["/etc/docker/daemon.json"])
    assert daemon["data-root"] == "/mnt/nvme/docker"
    assert daemon["runtimes"] == {"nvidia": {"path": "nvidia-container-runtime", "args": []}}
    assert "default-runtime" not in daemon
    assert (
        b"AssertPathIsMountPoint=/mnt/nvme\n"
        in (found["/etc/systemd/system/docker.service.d/ai-idp.conf"])
    )
