"""NPU: what is refused, where its releases are, what the check says, and how the server is held."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from deploys import npu_driver, npu_server
from deploys.npu import entries, environment_of, steps
from deploys.npu_preflight import obstacle
from deploys.npu_server import ModelServer
from facts.npu import Npu as Found
from group_data.npu import npu as production
from group_data.workstation import workstation
from operations.entries import File

ROOT = Path(__file__).parents[2]
CHECK = ROOT / "files" / "npu" / "npu_check.py"
LAPTOP = Found("x86_64", "6.12.48-amd64", ("debian", "13"), ("0000:00:0b.0",), True)
SERVER = ModelServer(model_folder="/srv/npu/qwen3-8b", model_name="qwen3-8b")

REFUSED = [
    (
        replace(LAPTOP, architecture="aarch64"),
        "Intel's NPU and its driver are for x86-64, and this host is aarch64; take it out of `npu` "
        "in inventory.py",
    ),
    (
        replace(LAPTOP, linux=("debian", "12")),
        "Intel builds its driver for no debian 12 that this role knows; install one of debian 13, "
        "ubuntu 24.04, ubuntu 26.04, or take the host out of `npu`",
    ),
    (
        replace(LAPTOP, linux=("arch", "")),
        "Intel builds its driver for no arch of no version that this role knows; install one of "
        "debian 13, ubuntu 24.04, ubuntu 26.04, or take the host out of `npu`",
    ),
    (
        replace(LAPTOP, kernel="6.5.0-44-generic", linux=("ubuntu", "24.04")),
        "the kernel 6.5.0-44-generic runs, and the driver of the NPU needs 6.6 at least; as root: "
        "apt-get install linux-generic-hwe-24.04, then reboot",
    ),
    (
        replace(LAPTOP, devices=()),
        "there is no Intel NPU on its PCI bus (lspci -d 8086::1200); switch it on in the firmware, "
        "where it may be named after AI or VPU, or take the host out of `npu`",
    ),
    (
        replace(LAPTOP, has_module=False),
        "the kernel 6.12.48-amd64 has no module intel_vpu; boot one of the distribution, with its "
        "extra modules (ubuntu: apt-get install linux-modules-extra-$(uname -r))",
    ),
    (
        replace(LAPTOP, unknown=("anna", "ben")),
        "it has no account anna, ben, which is to use the NPU; make it (adduser), or set `users` "
        "in group_data/npu.py to accounts that there are",
    ),
]


@pytest.mark.parametrize(("found", "message"), REFUSED)
def test_a_host_that_cannot_have_it_is_told_the_way_out(found: Found, message: str) -> None:
    assert obstacle(found, with_server=False) == message


@pytest.mark.parametrize("linux", npu_driver.TARGETS)
@pytest.mark.parametrize("kernel", ["6.6.1", "6.12.48-amd64", "7.0.0-rc1"])
def test_a_laptop_with_an_npu_is_refused_nothing(linux: tuple[str, str], kernel: str) -> None:
    assert obstacle(replace(LAPTOP, linux=linux, kernel=kernel), with_server=False) == ""


def test_the_server_is_refused_where_its_library_is_gone() -> None:
    newest = replace(LAPTOP, linux=("ubuntu", "26.04"))
    assert obstacle(newest, with_server=True) == (
        "the model server's release wants libxml2.so.2, which ubuntu 26.04 has no more; set "
        "`server=None` in group_data/npu.py"
    )
    assert obstacle(LAPTOP, with_server=True) == ""


def test_debian_takes_the_build_of_ubuntu_and_its_own_loader() -> None:
    (driver,) = npu_driver.bundles(production, npu_driver.build(LAPTOP))
    assert driver.archive.url == (
        "https://github.com/intel/linux-npu-driver/releases/download/v1.38.0/"
        "linux-npu-driver-v1.38.0.20260910-34487311128-ubuntu2404.tar.gz"
    )
    assert driver.packages["intel-fw-npu"] == "1.38.0.20260910-34487311128~ubuntu24.04"


def test_ubuntu_whose_loader_is_too_old_takes_the_projects_own() -> None:
    loader, _ = npu_driver.bundles(production, npu_driver.TARGETS["ubuntu", "24.04"])
    assert loader.archive.url == (
        "https://github.com/oneapi-src/level-zero/releases/download/v1.34.0/"
        "libze1_1.34.0+u24.04_amd64.deb"
    )
    assert loader.packages == {"libze1": "1.34.0"}


def check(directory: Path) -> ModuleType:
    """The program, with devices of its own."""
    specification = importlib.util.spec_from_file_location("npu_check", CHECK)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    module.DEVICES = directory / "accel"  # type: ignore[attr-defined]
    return module


def openvino(directory: Path, devices: list[str]) -> None:
    """A package that finds these devices."""
    (directory / "openvino.py").write_text(
        f"__version__ = '2026.4.1'\nclass Core:\n    available_devices = {devices}\n"
        "    def get_property(self, device, name): return 'Intel(R) AI Boost'\n"
    )


Said = Callable[[list[str]], "subprocess.CompletedProcess[str]"]


@pytest.fixture
def said(tmp_path: Path) -> Said:
    """What the program says where OpenVINO finds some devices."""

    def ask(devices: list[str]) -> subprocess.CompletedProcess[str]:
        openvino(tmp_path, devices)
        return subprocess.run(
            ["python3", "-B", str(CHECK)],
            env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin", "LOGNAME": "owner"},
            capture_output=True,
            text=True,
        )

    return ask


def test_the_check_passes_with_the_npu_alone(said: Said) -> None:
    found = said(["CPU", "NPU"])
    assert found.returncode == 0
    assert found.stdout == "OpenVINO 2026.4.1 finds: CPU, NPU\nNPU: Intel(R) AI Boost\n"
    missed = said(["CPU", "GPU"])
    assert missed.returncode == 1
    assert missed.stderr.startswith("npu-check: no NPU for owner: ")


def test_a_missing_environment_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        ["python3", "-B", str(CHECK)], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr == (
        "npu-check: OpenVINO cannot be loaded (No module named 'openvino'); roll the role `npu` "
        "out to this host again\n"
    )


def test_a_missing_device_is_named(tmp_path: Path) -> None:
    assert check(tmp_path).obstacle() == (
        f"there is no {tmp_path}/accel/accel0, so the kernel has not started the device; as root: "
        "dmesg | grep intel_vpu says why, and a reboot lets it try again"
    )


def test_a_device_that_is_not_to_be_opened_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = check(tmp_path)
    (tmp_path / "accel").mkdir()
    (tmp_path / "accel" / "accel0").touch()
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert "which is for the group render" in program.obstacle()


def test_a_missing_driver_is_named(tmp_path: Path) -> None:
    program = check(tmp_path)
    (tmp_path / "accel").mkdir()
    (tmp_path / "accel" / "accel0").touch()
    program.LOADER, program.DRIVER = "libc.so.6", "libze_no_such.so.1"  # type: ignore[attr-defined]
    assert program.obstacle() == (
        "a library of the driver cannot be loaded (libze_no_such.so.1: cannot open shared object "
        "file: No such file or directory); roll the role `npu` out to this host again"
    )


def unit(tmp_path: Path) -> Path:
    file = tmp_path / f"{npu_server.UNIT}.service"
    settings = production.model_copy(update={"server": SERVER})
    (found,) = (
        entry.content
        for entry in entries(settings, environment_of(b""))
        if isinstance(entry, File) and entry.path == npu_server.UNIT_FILE
    )
    file.write_bytes(found)
    return file


def test_the_server_listens_on_loopback_and_has_no_device_but_the_npu(tmp_path: Path) -> None:
    text = unit(tmp_path).read_text()
    assert "--rest_bind_address 127.0.0.1" in text
    allowed = [line for line in text.splitlines() if line.startswith("Device")]
    assert allowed == ["DevicePolicy=closed", "DeviceAllow=/dev/accel/accel0 rw"]
    assert "IPAddressDeny=any\nIPAddressAllow=localhost\n" in text


def test_a_device_that_comes_late_is_waited_for(tmp_path: Path) -> None:
    lines = unit(tmp_path).read_text().splitlines()
    # A condition that is not met would leave the unit off, and nobody would be told.
    assert not [line for line in lines if line.startswith("Condition")]
    assert "ExecStartPre=/usr/bin/test -c /dev/accel/accel0" in lines
    assert {"Restart=on-failure", "StartLimitIntervalSec=0"} <= set(lines)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not here")
def test_systemd_takes_the_servers_unit(tmp_path: Path) -> None:
    file = unit(tmp_path)
    program = "ExecStart=/bin/true"
    file.write_text(file.read_text().replace("ExecStart=/opt/ai-idp", f"{program} /opt/ai-idp"))
    done = subprocess.run(["systemd-analyze", "verify", str(file)], capture_output=True, text=True)
    assert file.name not in done.stderr, done.stderr


def test_without_a_server_there_is_no_unit_and_no_restart() -> None:
    environment = environment_of(b"")
    assert npu_server.UNIT_FILE not in [entry.path for entry in entries(production, environment)]
    assert "systemctl restart" not in steps(production, environment).activate


def test_the_check_is_run_by_each_person_and_never_by_root() -> None:
    people = production.model_copy(update={"users": ("anna", "ben")})
    probe = steps(people, environment_of(b"")).probe
    assert [line for line in probe.splitlines() if "npu-check" in line] == [
        f"runuser -u {user} -- env --chdir=/ /usr/local/bin/npu-check" for user in ("anna", "ben")
    ]
    nobody = production.model_copy(update={"users": ()})
    assert "setpriv --reuid nobody" in steps(nobody, environment_of(b"")).probe


def test_whoever_works_at_the_desk_may_use_it() -> None:
    assert production.users == (workstation.user,)
