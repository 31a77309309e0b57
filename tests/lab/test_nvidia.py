"""NVIDIA in the lab: from the first driver to another one, what is refused, and a lost card."""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from pathlib import Path

import pytest

from deploys.nvidia import GUARD
from lab.checkout import LOCK_FILE, container_name
from lab.containers import wait_booted
from lab.engine import docker
from lab.observer import observe
from lab.rollout import recorded_plan
from tests.lab.conftest import apply, changed, converge, plan, shell
from tests.lab.overlay import Overlay
from tests.lab.waiting import wait_until

SERVER, BYSTANDER = "schlimers-server", "sclimers-grafana"
ROLE = "deploys.nvidia.install"
OLD, CURRENT = "580.126.20", "580.159.04"
BOOT_ID = "cat /proc/sys/kernel/random/boot_id"
KERNEL = "/lib/modules/$(uname -r)"
CARD = "/sys/bus/pci/devices/0000:01:00.0"
SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
MEMORY = "/var/lib/ai-idp/gpu-guard"

# Beside the host's own stacks, with what they have of a card: a reservation by CDI.
PROJECT = "gpu-probe"
DIRECTORY = f"/opt/{PROJECT}"
COMPOSE = """\
services:
  server:
    image: {image}
    entrypoint: [sleep, infinity]
    labels: {{"ai-idp.hash": "${{AI_IDP_HASH:?}}"}}
    restart: unless-stopped
    init: true
    network_mode: none
    deploy:
      resources:
        reservations:
          devices:
            - {{driver: cdi, device_ids: ["nvidia.com/gpu=0"], capabilities: [gpu]}}
"""


@pytest.fixture(scope="module", autouse=True)
def start_converged() -> Generator[None]:
    """Every test here finds the server converged and leaves it so."""
    converge(SERVER, BYSTANDER)
    yield
    converge(SERVER)


@pytest.fixture
def overlay(tmp_path: Path) -> Generator[Overlay]:
    yield Overlay(tmp_path)
    converge(SERVER, deploy=ROLE)


@pytest.fixture
def probe() -> Generator[str]:
    """A running container with the card; its name in the guard's words."""
    image = json.loads(LOCK_FILE.read_text())["images"]["llama_cpp"]
    text = COMPOSE.format(image=image)
    shell(
        SERVER,
        f"mkdir -p {DIRECTORY} /var/lib/ai-idp/services/{PROJECT} && cd {DIRECTORY}"
        f" && cat >compose.yaml <<'EOF'\n{text}EOF\n"
        f"echo AI_IDP_HASH=abc >.env && docker compose --project-name {PROJECT} up --detach",
    )
    yield f"{PROJECT}.server"
    shell(
        SERVER,
        f"docker compose --project-name {PROJECT} down; rm -rf {DIRECTORY} {MEMORY}/{PROJECT}.*"
        f" /var/lib/ai-idp/services/{PROJECT}; systemctl start {GUARD}",
    )


def container() -> str:
    listed = f"docker ps --quiet --no-trunc --filter label=com.docker.compose.project={PROJECT}"
    return shell(SERVER, listed).strip()


def root() -> str:
    """Where the host sees the files of the running container."""
    pid = shell(SERVER, f"docker inspect --format '{{{{.State.Pid}}}}' {container()}").strip()
    return f"/proc/{pid}/root"


def lose_the_card() -> None:
    """Take from the container what its card is opened by."""
    shell(SERVER, f"rm {root()}/dev/nvidiactl")
    assert "Failed to initialize NVML" in ask_for_the_card()


def ask_for_the_card() -> str:
    return shell(SERVER, f"docker exec {container()} nvidia-smi -L 2>&1", check=False)


def guard() -> str:
    """Let the guard look now; what it wrote to the journal in doing so."""
    shell(SERVER, f"systemctl start {GUARD}.service", check=False)
    return said_last()


def said_last() -> str:
    unit = f"systemctl show --property InvocationID --value {GUARD}.service"
    return shell(
        SERVER, f"journalctl --sync; journalctl --output cat _SYSTEMD_INVOCATION_ID=$({unit})"
    )


def loaded() -> str:
    version = shell(SERVER, "head -n 1 /proc/driver/nvidia/version")
    return re.sub(r".*  ([\d.]+)  .*", r"\1", version).strip()


def test_the_first_driver_came_with_a_reboot_that_the_plan_had_announced() -> None:
    rows = recorded_plan()["hosts"][SERVER]
    assert [row["what"] for row in rows if row["kind"] == "host"] == [SERVER]
    # A fresh machine boots with nouveau, which lets go of the card at the next boot alone.
    assert shell(SERVER, "ls /sys/module | grep -c nouveau || :").strip() == "0"
    assert loaded() == CURRENT


def test_another_driver_is_loaded_by_a_reboot_from_which_containers_come_back_with_their_card(
    overlay: Overlay, probe: str
) -> None:
    key = shell(SERVER, "cat /etc/ssh/ssh_host_ed25519_key.pub")
    boots = [shell(SERVER, BOOT_ID)]
    overlay.update("nvidia", driver_version=OLD)
    run = overlay.apply(SERVER)
    assert run.returncode == 0, run.stderr
    boots.append(shell(SERVER, BOOT_ID))
    assert loaded() == OLD
    wait_until("the container has its card again", lambda: "GPU 0" in ask_for_the_card())

    planned = changed(plan(SERVER))[SERVER]
    assert ("host", "reboot", SERVER) in planned
    assert ("package", "modify", "nvidia-kernel-open-dkms") in planned
    run = apply(SERVER)
    assert run.returncode == 0, run.stderr
    boots.append(shell(SERVER, BOOT_ID))
    assert loaded() == CURRENT
    wait_until("the container has its card again", lambda: "GPU 0" in ask_for_the_card())
    assert len(set(boots)) == 3
    assert shell(SERVER, "docker info --format '{{.LiveRestoreEnabled}}'").strip() == "true"
    assert shell(SERVER, "cat /etc/ssh/ssh_host_ed25519_key.pub") == key
    wait_until("all else is back too", lambda: plan(SERVER).exit_code == 0, 120)


def test_a_host_that_does_not_come_back_fails_alone(overlay: Overlay) -> None:
    overlay.update("nvidia", driver_version=OLD, reboot_seconds=30)
    docker("update", "--restart=no", container_name(SERVER))
    try:
        run = overlay.apply(SERVER, BYSTANDER)
    finally:
        docker("update", "--restart=on-failure", container_name(SERVER))
        docker("start", container_name(SERVER))
        wait_booted([SERVER])
    assert run.returncode != 0
    assert "it was told to reboot and is not back after 30 s" in run.stderr
    assert f"[{BYSTANDER}]" in run.stderr.partition("is not back after")[2]


def test_a_container_that_lost_its_card_is_made_anew_as_it_was(probe: str) -> None:
    before = container()
    assert probe not in guard()
    assert container() == before
    lose_the_card()
    said = guard()
    assert f"{probe} has lost its card (Failed to initialize NVML: Unknown Error)" in said
    assert container() != before
    assert "GPU 0" in ask_for_the_card()
    label = f"docker inspect --format '{{{{index .Config.Labels \"ai-idp.hash\"}}}}' {container()}"
    assert shell(SERVER, label).strip() == "abc"
    metrics = shell(SERVER, "cat /var/lib/prometheus/node-exporter/ai_idp_gpu_guard.prom")
    assert f'ai_idp_gpu_container_recreated_total{{container="{probe}"}} 1\n' in metrics


def test_the_guard_asks_by_itself_and_soon(probe: str) -> None:
    before = container()
    lose_the_card()
    wait_until("the guard made the container anew", lambda: container() not in ("", before), 90)


def test_a_container_that_cannot_be_asked_is_looked_at_from_outside(probe: str) -> None:
    before = container()
    # As in an image without anything that nvidia-smi, here a script, could run on.
    shell(SERVER, f"rm {root()}/usr/bin/sh")
    assert "GPU 0" not in ask_for_the_card()
    assert probe not in guard()
    assert container() == before
    shell(SERVER, f"rm {root()}/dev/nvidiactl")
    assert f"{probe} has lost its card (it has no /dev/nvidiactl)" in guard()
    assert container() != before


def test_who_rolls_a_project_out_comes_before_the_guard(probe: str) -> None:
    before = container()
    lose_the_card()
    lock = f"/var/lib/ai-idp/services/{PROJECT}/lock"
    asked = f"flock {lock} systemctl start {GUARD}.service"
    shell(SERVER, asked)
    assert "it is being rolled out, which comes first" in said_last()
    assert container() == before


def test_the_guard_gives_up_on_a_container_that_loses_its_card_again_and_again(probe: str) -> None:
    shell(SERVER, f"for n in 1 2 3; do date +%s; done >{MEMORY}/{probe}")
    before = container()
    lose_the_card()
    assert "was tried 3 times within an hour: left as it is" in guard()
    assert container() == before


@pytest.mark.parametrize(
    ("disturb", "repair", "said"),
    [
        pytest.param(
            f"cp -r {CARD} /run/card; rm -r {CARD}",
            f"cp -r /run/card {CARD}",
            "there is no NVIDIA card on its PCI bus",
            id="no card",
        ),
        pytest.param(
            f"mkdir -p $(dirname {SECURE_BOOT}); printf '\\006\\000\\000\\000\\001' >{SECURE_BOOT}",
            "rm -r /sys/firmware/efi",
            "Secure Boot is on and the key that DKMS signs modules with is not enrolled",
            id="Secure Boot",
        ),
        pytest.param(
            f"mv {KERNEL}/build {KERNEL}/away",
            f"mv {KERNEL}/away {KERNEL}/build",
            "whose headers are neither here nor offered by apt",
            id="no headers",
        ),
    ],
)
def test_a_host_that_cannot_have_the_driver_is_refused_and_left_as_it_is(
    disturb: str, repair: str, said: str
) -> None:
    before = observe(SERVER)
    shell(SERVER, disturb)
    try:
        assert said in plan(SERVER, deploy=ROLE).failed[SERVER]
        run = apply(SERVER, deploy=ROLE)
        assert run.returncode != 0
        assert said in run.stderr
    finally:
        shell(SERVER, repair)
    assert observe(SERVER).entries == before.entries
    assert observe(SERVER).packages == before.packages


def test_an_enrolled_key_makes_secure_boot_no_obstacle() -> None:
    certificate, mok = "/var/lib/dkms/mok.pub", SECURE_BOOT.replace("SecureBoot", "MokListRT")
    mok = f"{mok.partition('-')[0]}-605dab50-e046-4300-abb6-3dd810dd8b23"
    shell(
        SERVER,
        f"mkdir -p $(dirname {SECURE_BOOT}) /var/lib/dkms;"
        f"printf '\\006\\000\\000\\000\\001' >{SECURE_BOOT};"
        f"head -c 800 /dev/urandom >{certificate};"
        f"{{ printf '\\006\\000\\000\\000'; head -c 44 /dev/zero; cat {certificate}; }} >{mok}",
    )
    try:
        assert plan(SERVER, deploy=ROLE).exit_code == 0
    finally:
        shell(SERVER, f"rm -r /sys/firmware/efi {certificate}")


def test_a_repository_with_another_key_is_refused(overlay: Overlay) -> None:
    before = observe(SERVER)
    overlay.update("nvidia", driver_key_fingerprint="A" * 40)
    run = overlay.apply(SERVER, deploy=ROLE)
    assert run.returncode != 0
    assert "A" * 40 in run.stderr
    after = observe(SERVER)
    assert (after.entries, after.packages) == (before.entries, before.packages)
