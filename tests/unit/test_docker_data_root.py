"""Docker's data root: where it lies, and what is refused before anything is lost or filled."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deploys.docker_data_root import drop_in, mount_point, obstacle, path
from facts.storage import FileSystem, Storage

DEFAULT = "/var/lib/docker"
CARD = FileSystem("/", "ext4", on_nvme=False)
NVME = FileSystem("/mnt/nvme", "ext4", on_nvme=True)
DISKS = ("/dev/nvme0n1",)


def storage(
    *mounted: FileSystem,
    data_root: str = DEFAULT,
    containers: int = 0,
    volumes: tuple[str, ...] = (),
    disks: tuple[str, ...] = DISKS,
) -> Storage:
    return Storage(data_root, containers, volumes, file_systems=mounted, nvme_disks=disks)


def test_a_mounted_nvme_disk_is_taken() -> None:
    found = storage(CARD, NVME)
    assert obstacle("", found) == ""
    assert path("", found) == "/mnt/nvme/docker"
    assert mount_point("/mnt/nvme/docker", found) == "/mnt/nvme"


@pytest.mark.parametrize(
    "mounted",
    [
        (FileSystem("/", "ext4", on_nvme=True), NVME),
        (CARD, FileSystem("/var/lib/docker", "xfs", on_nvme=True)),
        (CARD, FileSystem("/var", "ext4", on_nvme=True)),
    ],
    ids=["the system", "the data root", "a folder above it"],
)
def test_what_lies_on_nvme_already_stays(mounted: tuple[FileSystem, ...]) -> None:
    found = storage(*mounted)
    assert obstacle("", found) == ""
    assert path("", found) == DEFAULT


def test_a_board_without_such_a_disk_has_the_default() -> None:
    found = storage(CARD, disks=())
    assert obstacle("", found) == ""
    assert path("", found) == DEFAULT
    assert mount_point(DEFAULT, found) == ""


def test_a_setting_wins() -> None:
    other = FileSystem("/srv", "ext4", on_nvme=False)
    found = storage(CARD, NVME, other)
    assert obstacle("/srv/docker/", found) == ""
    assert path("/srv/docker/", found) == "/srv/docker"
    assert mount_point("/srv/docker", found) == "/srv"
    assert obstacle(DEFAULT, storage(CARD)) == ""


@pytest.mark.parametrize(
    "mounted",
    [
        (CARD,),
        (CARD, FileSystem("/boot/efi", "ext4", on_nvme=True)),
        (CARD, FileSystem("/media/owner/disk", "ext4", on_nvme=True)),
        (CARD, FileSystem("/mnt/windows", "ntfs", on_nvme=True)),
    ],
)
def test_a_disk_that_is_not_mounted_for_this_is_refused(mounted: tuple[FileSystem, ...]) -> None:
    assert obstacle("", storage(*mounted)) == (
        "its NVMe disk (/dev/nvme0n1) has no file system mounted that Docker's data could lie on, "
        "and they would fill the SD card: mount one by a line in /etc/fstab (nothing here formats "
        'a disk), or set data_root="/var/lib/docker"'
    )


def test_several_disks_are_not_guessed_at() -> None:
    second = FileSystem("/srv/fast", "xfs", on_nvme=True)
    assert obstacle("", storage(CARD, NVME, second)) == (
        "several file systems of NVMe disks are mounted (/mnt/nvme, /srv/fast), and Docker's data "
        'are for one of them: set data_root, such as data_root="/mnt/nvme/docker"'
    )


def test_a_second_disk_does_not_make_doubtful_where_the_data_lie() -> None:
    second = FileSystem("/srv/fast", "xfs", on_nvme=True)
    found = storage(CARD, NVME, second, data_root="/srv/fast/docker", containers=1)
    assert obstacle("", found) == ""
    assert path("", found) == "/srv/fast/docker"


def test_a_disk_that_is_gone_does_not_bring_the_data_back_to_the_card() -> None:
    found = storage(CARD, data_root="/mnt/nvme/docker", disks=())
    assert obstacle("", found) == (
        "Docker's data lie in /mnt/nvme/docker, and no NVMe disk is there now: see `lsblk` and the "
        'slot, or set data_root="/var/lib/docker" to begin anew without them'
    )
    assert obstacle(DEFAULT, found) == ""


@pytest.mark.parametrize("setting", ["/mnt/nvme/docker", "/mnt/nvme/docker/"])
def test_a_data_root_that_was_set_keeps_its_guard_while_its_disk_is_off(setting: str) -> None:
    """Without the drop-in Docker would begin anew on the card, below the mount point."""
    off = replace(storage(CARD, data_root="/mnt/nvme/docker"), guard="/mnt/nvme")
    assert obstacle(setting, off) == (
        "Docker's data lie in /mnt/nvme/docker, and nothing is mounted at /mnt/nvme, where their "
        "disk was: see `lsblk` and /etc/fstab, then mount /mnt/nvme. To begin anew without them, "
        "as root: rm /etc/systemd/system/docker.service.d/ai-idp.conf"
    )
    on = replace(off, file_systems=(CARD, NVME))
    assert obstacle(setting, on) == ""
    assert obstacle(DEFAULT, off) == ""


def test_the_default_on_a_disk_that_is_gone_keeps_its_guard_too() -> None:
    off = replace(storage(CARD, disks=()), guard=DEFAULT)
    assert "nothing is mounted at /var/lib/docker" in obstacle("", off)


@pytest.mark.parametrize(
    ("setting", "where"), [("", "/srv/models"), ("", "/srv/models/fast"), ("/srv/models/x", "/mnt")]
)
def test_docker_does_not_lie_where_what_is_no_model_is_removed(setting: str, where: str) -> None:
    found = storage(CARD, FileSystem(where, "ext4", on_nvme=True))
    root = setting or f"{where}/docker"
    assert obstacle(setting, found, shelf="/srv/models") == (
        f"Docker's data would lie in {root}, among the models, where `make retire` removes what is "
        "no model: mount the disk above /srv/models or beside it, such as at /mnt/nvme, or set "
        'data_root, such as data_root="/var/lib/docker"'
    )
    assert obstacle(setting, found) == ""


@pytest.mark.parametrize("where", ["/srv", "/srv/models-2", "/mnt/nvme"])
def test_a_disk_that_holds_more_than_models_is_taken(where: str) -> None:
    found = storage(CARD, FileSystem(where, "ext4", on_nvme=True))
    assert obstacle("", found, shelf="/srv/models") == ""


def test_images_alone_may_be_left_behind() -> None:
    assert obstacle("", storage(CARD, NVME)) == ""


def test_containers_and_volumes_are_never_left_behind() -> None:
    found = storage(CARD, NVME, containers=2, volumes=("notes", "sums"))
    assert obstacle("", found) == (
        "Docker's data root would become /mnt/nvme/docker, and /var/lib/docker holds 2 containers "
        "and the volumes notes, sums, which nothing here moves or loses. To take all of it along, "
        "as root: docker ps -q | xargs -r docker stop && systemctl stop docker.socket "
        "docker.service && mkdir -p /mnt/nvme/docker && cp -a /var/lib/docker/. /mnt/nvme/docker/ "
        "&& mv /var/lib/docker /var/lib/docker.before; then run this again, which starts the "
        'stacks. Or leave it where it is: data_root="/var/lib/docker"'
    )
    assert "holds the volumes notes, which" in obstacle("", storage(CARD, NVME, volumes=("notes",)))


def test_containers_that_the_engine_would_not_find_again_are_refused() -> None:
    found = Storage(DEFAULT, containers=3, snapshots=2)
    assert obstacle("", found) == (
        "the containerd image store holds 2 containers, and the engine of this role does not look "
        "there: images and what containers have written would be out of sight, while volumes stay. "
        "Copy out what is needed (docker cp), remove such containers (docker rm), and run this "
        "again"
    )


def test_data_that_lie_where_they_shall_are_no_problem() -> None:
    found = storage(CARD, NVME, data_root="/mnt/nvme/docker", containers=2, volumes=("notes",))
    assert obstacle("", found) == ""


def test_the_engine_waits_for_the_disk_and_does_without_the_card() -> None:
    assert drop_in("/mnt/nvme/docker", "/mnt/nvme").decode() == (
        "# Managed by ai-idp; changes here are lost.\n"
        "[Unit]\nRequiresMountsFor=/mnt/nvme/docker\nAssertPathIsMountPoint=/mnt/nvme\n"
    )
