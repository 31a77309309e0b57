"""Backup, in the lab: to its NAS, mounted or by SFTP; all else is production's."""

from deploys.backup import Backups
from deploys.backup_target import Folder as _Folder
from deploys.backup_target import Sftp as _Sftp
from group_data.backup import backup as _backup
from lab import nas as _nas
from lab import network as _network


def by_sftp() -> Backups:
    """For hosts that have not mounted it."""
    return _backup.model_copy(
        update={
            "target": _Sftp(
                host=_network.read().nas,
                user=_nas.USER,
                path=_nas.SFTP_FOLDER,
                host_key=_nas.host_key(),
            )
        }
    )


backup = _backup.model_copy(
    update={"target": _Folder(mount_point=_nas.MOUNT_POINT, path=_nas.FOLDER)}
)
