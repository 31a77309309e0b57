"""NPU in the lab: the check tells the truth, and what cannot be had changes nothing."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path

import pytest

from deploys.npu import CHECK, DEVICE
from deploys.npu_driver import PACKAGES, driver_url
from lab.checkout import LOCK_FILE
from lab.machines import OWNER
from lab.observer import observe
from lab.programs.npu_driver import BUILD, UPGRADE
from tests.lab.conftest import changed, converge, plan, repair, shell
from tests.lab.overlay import Overlay

LAPTOP = "xps13"
ROLE = "deploys.npu.install"
PERSON = f"runuser -u {OWNER.user} -- env --chdir=/ {CHECK} 2>&1"
NPU = "/sys/bus/pci/devices/0000:00:0b.0"


@pytest.fixture(scope="module", autouse=True)
def start_converged() -> None:
    converge(LAPTOP, deploy=ROLE)


@pytest.fixture
def overlay(tmp_path: Path) -> Generator[Overlay]:
    yield Overlay(tmp_path)


def test_a_person_finds_the_npu_with_the_real_openvino() -> None:
    assert "finds: CPU, NPU\nNPU: Intel(R) AI Boost\n" in shell(LAPTOP, PERSON)


@pytest.mark.parametrize(
    ("disturb", "repair", "said"),
    [
        pytest.param(f"rm {DEVICE}", "modprobe intel_vpu", f"there is no {DEVICE}", id="device"),
        pytest.param(
            f"chmod 0600 {DEVICE}", f"chmod 0660 {DEVICE}", f"it may not open {DEVICE}", id="mode"
        ),
    ],
)
def test_without_the_device_the_check_fails_and_says_why(
    disturb: str, repair: str, said: str
) -> None:
    shell(LAPTOP, disturb)
    try:
        told = shell(LAPTOP, f"{PERSON}; echo exit $?", check=False)
    finally:
        shell(LAPTOP, repair)
    assert f"no NPU for {OWNER.user}: {said}" in told
    assert "exit 1" in told


def test_a_release_of_other_bytes_stops_before_anything_changes(overlay: Overlay) -> None:
    before = observe(LAPTOP)
    overlay.update("npu", driver_release=UPGRADE)
    run = overlay.apply(LAPTOP, deploy=ROLE)
    assert run.returncode != 0
    assert "nothing of it was unpacked" in run.stderr
    after = observe(LAPTOP)
    assert (after.entries, after.packages) == (before.entries, before.packages)


def test_a_laptop_whose_npu_is_switched_off_is_refused() -> None:
    shell(LAPTOP, f"mv {NPU} /run/npu")
    try:
        assert "no Intel NPU on its PCI bus" in plan(LAPTOP, deploy=ROLE).failed[LAPTOP]
    finally:
        shell(LAPTOP, f"mv /run/npu {NPU}")


def test_another_release_comes_and_goes_as_it_was_announced(overlay: Overlay) -> None:
    sums = json.loads(LOCK_FILE.read_text())["releases"]
    overlay.update(
        "npu",
        driver_release=UPGRADE,
        driver_sha256={BUILD: sums[driver_url(UPGRADE, BUILD)]},
    )
    run = overlay.apply(LAPTOP, deploy=ROLE)
    assert run.returncode == 0, run.stderr
    assert UPGRADE in shell(LAPTOP, "readlink /usr/lib/x86_64-linux-gnu/libze_intel_npu.so.1")
    planned = changed(plan(LAPTOP, deploy=ROLE))[LAPTOP]
    assert planned == {("package", "modify", name) for name in PACKAGES}
    repair(LAPTOP, deploy=ROLE)
    assert "NPU: " in shell(LAPTOP, PERSON)
