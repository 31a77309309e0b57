"""NAS: a machine with a disk that outlives every host, mounted by some and reached by SFTP."""

from __future__ import annotations

from collections.abc import Sequence

from lab.checkout import NAME, STATE, container_name
from lab.containers import Container
from lab.engine import LabError, docker

HOST = USER = "nas"
VOLUME = f"{NAME}-nas"
MOUNT_POINT = "/mnt/nas"
MOUNT = f"{VOLUME}:{MOUNT_POINT}"
FOLDER = f"{MOUNT_POINT}/ai-idp"
SFTP_FOLDER = f"{MOUNT_POINT}/by-sftp"
HOST_KEY_FILE = STATE / "nas_host_key"


def container(image: str, address: str) -> Container:
    """A machine of its own, as fresh from an installer as the hosts are."""
    return Container(HOST, image, address, (("LAB_LOGIN", USER),), mounts=(MOUNT,))


def prepare() -> None:
    """What a person does at a new NAS: a folder for the account, and a look at its host key."""
    folder = f"install -d -o {USER} -g {USER} -m 700 {SFTP_FOLDER}"
    docker("exec", container_name(HOST), "sh", "-c", folder)
    shown = docker("exec", container_name(HOST), "cat", "/etc/ssh/ssh_host_ed25519_key.pub")
    HOST_KEY_FILE.write_text(" ".join(shown.split()[:2]))


def host_key() -> str:
    """The NAS's public key; LabError where the lab is not up."""
    if not HOST_KEY_FILE.exists():
        raise LabError("the lab has no NAS yet: run `make lab`")
    return HOST_KEY_FILE.read_text()


def authorise(public_line: str) -> None:
    """What a person does with the line that `make backup-key` shows; it may do nothing but SFTP."""
    directory = f"/home/{USER}/.ssh"
    write = f"install -d -o {USER} -m 700 {directory} && cat >{directory}/authorized_keys"
    docker(
        *("exec", "-i", container_name(HOST), "sh", "-c", write),
        stdin=f'restrict,command="internal-sftp" {public_line}\n',
    )


def forget(hosts: Sequence[str]) -> None:
    """Forget the backups of hosts that begin anew: they would want them put back first."""
    folders = [f"{place}/{host}" for host in hosts for place in (FOLDER, SFTP_FOLDER)]
    if folders:
        docker("exec", container_name(HOST), "rm", "-rf", *folders)


def remove_volume() -> None:
    """Forget every backup."""
    if docker("volume", "ls", "-q", "--filter", f"name=^{VOLUME}$").strip():
        docker("volume", "rm", VOLUME)
