"""Place: what backups go to, and that it is really there before anything is written."""

from __future__ import annotations

from pathlib import Path

from .configuration import Configuration, Failed


def insist_on_mount(configuration: Configuration) -> None:
    """Failed where the NAS is not mounted: its folder would be one of this host's own disk."""
    if not configuration.mount_point:
        return
    point = Path(configuration.mount_point)
    if not is_mounted(point):
        raise Failed(
            f"{point} is not mounted, so nothing was backed up; mount the NAS there "
            "(`findmnt --verify` checks /etc/fstab), then: systemctl start ai-idp-backup"
        )


def is_mounted(point: Path) -> bool:
    """Whether `point` is of another file system than the folder that it lies in.

    Not os.path.ismount(): in the unit's own mount namespace the folder is always a mount, of itself
    (systemd.exec(5), ReadWritePaths=).
    """
    try:
        return point.stat().st_dev != point.parent.stat().st_dev
    except OSError:
        return False
