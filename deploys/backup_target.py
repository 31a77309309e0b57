"""Backup target: where the NAS is: a folder that is mounted, or a host that is reached by SSH."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from deploys.rendering import render
from operations.entries import File

DIRECTORY = "/etc/ai-idp/backup"
SSH_CONFIG = f"{DIRECTORY}/ssh_config"
IDENTITY = f"{DIRECTORY}/identity"
KNOWN_HOSTS = f"{DIRECTORY}/known_hosts"
NAS = "nas"
"""What the SSH configuration calls it."""


class Folder(BaseModel):
    """A NAS that the host has mounted: /etc/fstab, or the mount point of a container, says how."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["folder"] = Field(default="folder", description="which of the two it is")
    mount_point: str = Field(
        pattern=r"^/[\w./-]*\w$",
        description="where it is mounted; nothing is written while it is not",
    )
    path: str = Field(pattern=r"^/[\w./-]*\w$", description="the folder of the backups, below that")

    @model_validator(mode="after")
    def _is_below_its_mount_point(self) -> Self:
        if not f"{self.path}/".startswith(f"{self.mount_point}/"):
            raise ValueError(f"path {self.path} has to be below mount_point {self.mount_point}")
        return self

    @property
    def mount_unit(self) -> str:
        """systemd's name of the mount (systemd.unit(5), "String Escaping")."""
        path = self.mount_point.strip("/")
        escaped = re.sub(
            "[^A-Za-z0-9:_./]", lambda x: "".join(rf"\x{b:02x}" for b in x[0].encode()), path
        )
        return f"{escaped.replace('/', '-')}.mount"

    def repository(self, host: str) -> str:
        return f"{self.path}/{host}"

    def mirror(self, host: str, what: str) -> str:
        return f"{self.path}/mirrors/{host}/{what}"

    @property
    def sftp_command(self) -> str:
        return ""

    @property
    def ssh(self) -> str:
        return ""

    def files(self) -> list[File]:
        return []


class Sftp(BaseModel):
    """A NAS that is reached by SFTP, with the key that `make backup-key` shows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["sftp"] = Field(default="sftp", description="which of the two it is")
    host: str = Field(pattern=r"^[\w.:-]+$", description="its name or address")
    port: int = Field(default=22, ge=1, le=65535, description="of its SSH")
    user: str = Field(pattern=r"^[\w.-]+$", description="the account that owns the backups")
    path: str = Field(
        pattern=r"^[\w./-]*\w$",
        description="the folder of the backups; without `/` at its beginning in the account's own",
    )
    host_key: str = Field(
        pattern=r"^(ssh-|ecdsa-)[\w.@-]+ [A-Za-z0-9+/=]+$",
        description="its public key, as `ssh-keyscan -t ed25519` shows it; compare that with what "
        "the NAS itself shows",
    )

    @property
    def mount_point(self) -> str:
        """Nothing of it is mounted here."""
        return ""

    @property
    def mount_unit(self) -> str:
        return ""

    def repository(self, host: str) -> str:
        return f"sftp:{NAS}:{self.path}/{host}"

    def mirror(self, host: str, what: str) -> str:
        return f"{NAS}:{self.path}/mirrors/{host}/{what}"

    @property
    def sftp_command(self) -> str:
        return f"{self.ssh} {NAS} -s sftp"

    @property
    def ssh(self) -> str:
        return f"ssh -F {SSH_CONFIG}"

    @property
    def known_host(self) -> str:
        """As ssh looks it up: with the port where that is not the usual one."""
        return self.host if self.port == 22 else f"[{self.host}]:{self.port}"

    def files(self) -> list[File]:
        """How SSH gets there, and whom it believes to be the NAS."""
        values = {"target": self, "nas": NAS, "identity": IDENTITY, "known_hosts": KNOWN_HOSTS}
        return [
            File(SSH_CONFIG, render("backup/ssh_config.j2", **values)),
            File(KNOWN_HOSTS, f"{self.known_host} {self.host_key}\n".encode()),
        ]


Target = Folder | Sftp
