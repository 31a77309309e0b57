"""Docker's data root: on a Jetson its NVMe disk, and never another one while it holds data."""

from __future__ import annotations

from facts.storage import FileSystem, Storage

DEFAULT = "/var/lib/docker"
DROP_INS = "/etc/systemd/system/docker.service.d"
DROP_IN = f"{DROP_INS}/ai-idp.conf"
KINDS = ("ext4", "xfs", "btrfs")
"""File systems that overlay2 works on, and that a data root is put on by itself."""
PASSING = ("/boot", "/media", "/run")
"""Where mounts are that hold something else or come and go with a login."""


def path(setting: str, found: Storage) -> str:
    """Where the data shall lie: as set, else on the one NVMe file system, else Docker's default."""
    if setting:
        return setting.rstrip("/")
    candidates = _candidates(found)
    return f"{candidates[0].where}/docker" if len(candidates) == 1 else DEFAULT


def mount_point(root: str, found: Storage) -> str:
    """The mount point that `root` lies below; empty where that is the root file system."""
    above = [x.where for x in found.file_systems if x.where != "/" and _is_below(root, x.where)]
    return max(above, key=len, default="")


def drop_in(root: str, mount: str) -> bytes:
    """What keeps Docker off while its disk is: else it would fill what lies below the mount."""
    return (
        "# Managed by ai-idp; changes here are lost.\n"
        f"[Unit]\nRequiresMountsFor={root}\nAssertPathIsMountPoint={mount}\n"
    ).encode()


def obstacle(setting: str, found: Storage, shelf: str = "") -> str:
    """Why Docker's data root cannot be where it shall be, and the way out; empty where it can.

    `shelf`: the folder where the role `models` keeps models, if the host has it.
    """
    unclear = "" if setting else _unclear(found)
    root = path(setting, found)
    return (
        unclear
        or _on_shelf(root, shelf)
        or _unmounted(root, found)
        or _out_of_sight(found)
        or _left_behind(root, found)
    )


def _unclear(found: Storage) -> str:
    candidates = _candidates(found)
    if len(candidates) > 1:
        places = ", ".join(x.where for x in candidates)
        return (
            f"several file systems of NVMe disks are mounted ({places}), and Docker's data are for "
            f'one of them: set data_root, such as data_root="{candidates[0].where}/docker"'
        )
    if candidates or _has_it_already(found):
        return ""
    if found.nvme_disks:
        disks = ", ".join(found.nvme_disks)
        return (
            f"its NVMe disk ({disks}) has no file system mounted that Docker's data could lie on, "
            "and they would fill the SD card: mount one by a line in /etc/fstab (nothing here "
            f'formats a disk), or set data_root="{DEFAULT}"'
        )
    if found.data_root != DEFAULT:
        return (
            f"Docker's data lie in {found.data_root}, and no NVMe disk is there now: see `lsblk` "
            f'and the slot, or set data_root="{DEFAULT}" to begin anew without them'
        )
    return ""


def _on_shelf(root: str, shelf: str) -> str:
    if not shelf or not _is_below(root, shelf):
        return ""
    return (
        f"Docker's data would lie in {root}, among the models, where `make retire` removes what is "
        f"no model: mount the disk above {shelf} or beside it, such as at /mnt/nvme, or set "
        f'data_root, such as data_root="{DEFAULT}"'
    )


def _unmounted(root: str, found: Storage) -> str:
    """A data root whose disk is off: what keeps the engine off meanwhile would go with it."""
    mounted = {x.where for x in found.file_systems}
    away = found.guard and found.guard not in mounted and _is_below(root, found.guard)
    if not away or not found.file_systems:
        return ""
    return (
        f"Docker's data lie in {root}, and nothing is mounted at {found.guard}, where their disk "
        f"was: see `lsblk` and /etc/fstab, then mount {found.guard}. To begin anew without them, "
        f"as root: rm {DROP_IN}"
    )


def _out_of_sight(found: Storage) -> str:
    if not found.snapshots:
        return ""
    return (
        f"the containerd image store holds {_counted(found.snapshots)}, and the engine of this "
        "role does not look there: images and what containers have written would be out of sight, "
        "while volumes stay. Copy out what is needed (docker cp), remove such containers "
        "(docker rm), and run this again"
    )


def _left_behind(root: str, found: Storage) -> str:
    old = found.data_root
    if root == old or not (found.containers or found.volumes):
        return ""
    holds = [_counted(found.containers)] if found.containers else []
    holds += [f"the volumes {', '.join(found.volumes)}"] if found.volumes else []
    # Under live-restore containers outlive the engine, on the mounts of the old root.
    commands = (
        "docker ps -q | xargs -r docker stop",
        "systemctl stop docker.socket docker.service",
        f"mkdir -p {root}",
        f"cp -a {old}/. {root}/",
        f"mv {old} {old}.before",
    )
    return (
        f"Docker's data root would become {root}, and {old} holds {' and '.join(holds)}, which "
        f"nothing here moves or loses. To take all of it along, as root: {' && '.join(commands)}; "
        "then run this again, which starts the stacks. Or leave it where it is: "
        f'data_root="{old}"'
    )


def _counted(containers: int) -> str:
    return f"{containers} container{'s' * (containers != 1)}"


def _candidates(found: Storage) -> list[FileSystem]:
    """NVMe file systems that the data could lie on, where the system itself lies on none."""
    if _has_it_already(found):
        return []
    suitable = [
        x
        for x in found.file_systems
        if x.on_nvme and x.kind in KINDS and not any(_is_below(x.where, top) for top in PASSING)
    ]
    # A disk that is mounted later does not make doubtful where the data lie already.
    return [x for x in suitable if found.data_root == f"{x.where}/docker"] or suitable


def _has_it_already(found: Storage) -> bool:
    """Whether Docker's default lies on an NVMe disk, by itself or with the whole system."""
    return any(x.on_nvme and _is_below(DEFAULT, x.where) for x in found.file_systems)


def _is_below(inner: str, top: str) -> bool:
    return inner == top or inner.startswith(f"{top.rstrip('/')}/")
