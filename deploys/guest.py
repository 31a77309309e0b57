"""Guest: a container (LXC) of a Proxmox VE node, as `guest` in the inventory's host data."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Feature = Literal["force_rw_sys", "fuse", "keyctl", "mknod", "nesting"]
"""What `pct` lets an unprivileged container do beyond the usual; pct(1), `--features`."""


class Guest(BaseModel):
    """A host that is a container, which its node makes; its address is `ssh_hostname`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    node: str = Field(description="the host with the role `proxmox` that it runs on")
    vmid: int = Field(ge=100, le=999999999, description="its number, the only one of its cluster")
    cores: int = Field(ge=1, description="processor cores that it may use at once")
    memory_mib: int = Field(ge=128, description="memory that it may use")
    swap_mib: int = Field(default=512, ge=0, description="swap that it may use beside its memory")
    disk_gib: int = Field(ge=1, description="size of its disk; it can grow, and never shrinks")
    features: tuple[Feature, ...] = Field(
        default=("nesting",),
        description="what it may do beyond the usual; Debian's systemd needs `nesting`, Docker "
        "`nesting` and `keyctl`",
    )

    def to_json(self) -> dict[str, Any]:
        """What ``debug-inventory`` prints: plain types only."""
        return self.model_dump(mode="json")
