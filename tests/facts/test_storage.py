"""The fact about storage: disks as lsblk tells them, and what lies in Docker's data root."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import FactProcessError

from deploys.docker_data_root import drop_in
from facts import storage
from facts.storage import FileSystem, Storage, StorageState

DEFAULT = "/var/lib/docker"


def disk(name: str, *children: dict[str, Any], **values: Any) -> dict[str, Any]:
    """A device as `lsblk --json` of util-linux 2.37 has it."""
    plain = {"name": name, "type": "disk", "tran": None, "fstype": None, "mountpoints": [None]}
    return {**plain, **values, **({"children": list(children)} if children else {})}


def part(name: str, where: str | None, kind: str = "ext4", **values: Any) -> dict[str, Any]:
    return disk(name, type="part", fstype=kind, mountpoints=[where], **values)


CARD = disk(
    "/dev/mmcblk1", part("/dev/mmcblk1p1", "/"), part("/dev/mmcblk1p10", "/boot/efi", "vfat")
)
ZRAM = disk("/dev/zram0", mountpoints=["[SWAP]"])


def processed(*devices: dict[str, Any], lines: tuple[str, ...] = ()) -> Storage:
    tree = json.dumps({"blockdevices": devices})
    return StorageState().process([f"disks\t{tree}", f"root\t{DEFAULT}", *lines, "end"])


def test_an_orin_nano_with_card_and_nvme() -> None:
    nvme = disk("/dev/nvme0n1", part("/dev/nvme0n1p1", "/mnt/nvme"), tran="nvme")
    assert processed(CARD, nvme, ZRAM) == Storage(
        DEFAULT,
        file_systems=(
            FileSystem("/", "ext4", on_nvme=False),
            FileSystem("/boot/efi", "vfat", on_nvme=False),
            FileSystem("/mnt/nvme", "ext4", on_nvme=True),
        ),
        nvme_disks=("/dev/nvme0n1",),
    )


def test_what_is_encrypted_on_the_disk_lies_on_the_disk() -> None:
    opened = disk("/dev/mapper/data", type="crypt", fstype="ext4", mountpoints=["/srv"])
    locked = disk("/dev/nvme0n1p1", opened, type="part", fstype="crypto_LUKS")
    found = processed(disk("/dev/nvme0n1", locked, tran="nvme"))
    assert found.file_systems == (FileSystem("/srv", "ext4", on_nvme=True),)


def test_a_disk_without_file_system_is_a_disk() -> None:
    found = processed(CARD, disk("/dev/nvme0n1", tran="nvme"))
    assert found.nvme_disks == ("/dev/nvme0n1",)
    assert not any(x.on_nvme for x in found.file_systems)


@pytest.mark.parametrize("output", [[], ["root\t/var/lib/docker"]])
def test_what_ended_in_the_middle_is_no_answer(output: list[str]) -> None:
    with pytest.raises(FactProcessError, match="ended in the middle"):
        StorageState().process(output)


def test_what_lsblk_does_not_say_in_json_is_no_answer() -> None:
    with pytest.raises(FactProcessError, match="lsblk answered `Usage`, which lists no disks"):
        StorageState().process(["disks\tUsage", f"root\t{DEFAULT}", "end"])


def read(
    folder: Path, *, disks: bool = False, daemon: str = "", lsblk: str = "exit 1"
) -> subprocess.CompletedProcess[str]:
    """The script on a host whose files lie in `folder`, and whose lsblk is that shell text."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    (programs / "lsblk").write_text(f"#!/bin/sh\n{lsblk}\n")
    (programs / "lsblk").chmod(0o755)
    if daemon:
        (folder / "daemon.json").write_text(daemon)
    text = StorageState().command(disks=disks)
    for place, name in (
        ("/etc/docker/daemon.json", "daemon.json"),
        ("/etc/systemd/system/docker.service.d/ai-idp.conf", "guard"),
        (DEFAULT, "docker"),
    ):
        assert place in text
        text = text.replace(place, str(folder / name))
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    return subprocess.run(["sh", "-c", text], capture_output=True, text=True, env=environment)


def answered(done: subprocess.CompletedProcess[str]) -> Storage:
    assert done.returncode == 0, done.stderr
    return StorageState().process(done.stdout.splitlines())


def test_a_host_without_docker_keeps_nothing(tmp_path: Path) -> None:
    assert answered(read(tmp_path)) == Storage(str(tmp_path / "docker"))


def test_containers_are_counted_and_volumes_named(tmp_path: Path) -> None:
    root = tmp_path / "docker"
    for name in ("containers/a1", "containers/b2", "volumes/notes/_data", "image/overlay2"):
        (root / name).mkdir(parents=True)
    (root / "volumes" / "metadata.db").write_text("")
    assert answered(read(tmp_path)) == Storage(str(root), 2, ("notes",))


def test_containers_of_containerd_s_image_store_are_told_apart(tmp_path: Path) -> None:
    for name, driver in (("a1", "overlay2"), ("b2", "overlayfs"), ("c3", "overlayfs")):
        folder = tmp_path / "docker" / "containers" / name
        folder.mkdir(parents=True)
        volume = '"MountPoints":{"/x":{"Driver":"local"}}'
        (folder / "config.v2.json").write_text(f'{{"ID":"{name}","Driver":"{driver}",{volume}}}')
    found = answered(read(tmp_path))
    assert (found.containers, found.snapshots) == (3, 2)


@pytest.mark.parametrize("text", ['{\n  "data-root": "%s"\n}', '{"icc":true,"data-root":"%s"}'])
def test_the_data_root_is_that_of_the_engine_s_configuration(tmp_path: Path, text: str) -> None:
    elsewhere = tmp_path / "nvme"
    (elsewhere / "volumes" / "notes").mkdir(parents=True)
    found = answered(read(tmp_path, daemon=text % elsewhere))
    assert found == Storage(str(elsewhere), 0, ("notes",))


def test_the_mount_point_that_the_engine_waits_for_is_that_of_the_drop_in(tmp_path: Path) -> None:
    assert answered(read(tmp_path)).guard == ""
    (tmp_path / "guard").write_bytes(drop_in("/mnt/nvme/docker", "/mnt/nvme"))
    assert answered(read(tmp_path)).guard == "/mnt/nvme"


def test_disks_are_asked_for_in_one_line(tmp_path: Path) -> None:
    lsblk = f'echo "$*" >{tmp_path}/asked; printf \'{{\\n "blockdevices": []\\n}}\\n\''
    assert answered(read(tmp_path, disks=True, lsblk=lsblk)).file_systems == ()
    assert (tmp_path / "asked").read_text() == (
        "--json --bytes --paths --output NAME,TYPE,TRAN,SIZE,FSTYPE,MOUNTPOINTS\n"
    )


def test_disks_that_cannot_be_read_are_not_absent(tmp_path: Path) -> None:
    done = read(tmp_path, disks=True)
    assert (done.returncode, done.stderr) == (3, "unreadable: the disks (lsblk)\n")


def test_the_script_is_the_one_of_the_file() -> None:
    assert StorageState().command() == f"disks=\n{storage.SCRIPT.read_text()}"
