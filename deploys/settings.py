"""Settings: what a role lets its user choose, and what it declares to the other roles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict
from pyinfra.api.exceptions import DeployError
from pyinfra.api.host import Host

from deploys.declarations import (
    Backup,
    Conflict,
    DiskClaim,
    GivenSecret,
    GpuClaim,
    MemoryClaim,
    Port,
    Route,
    Scrape,
)

if TYPE_CHECKING:
    from deploys.topology import Machine, Topology


class Settings(BaseModel):
    """Base of every role's settings: frozen, closed, and bound to one role by name.

    A value reaches a host as pyinfra data under the role's own name (``group_data/<role>.py``).
    A wrong key, type or range stops pyinfra at "Loading inventory", before any connection.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    role: ClassVar[str]
    requires: ClassVar[tuple[str, ...]] = ()
    """Roles that a host of this role must have too."""

    @classmethod
    def of(cls, host: Host) -> Self:
        """The settings of this role on ``host``; DeployError where the inventory has none."""
        settings = host.data.get(cls.role)
        if not isinstance(settings, cls):
            raise DeployError(
                f"{host.name} has no `{cls.role}` settings; "
                f"set `{cls.role} = {cls.__name__}(...)` in group_data/{cls.role}.py"
            )
        return settings

    def ports(self) -> tuple[Port, ...]:
        """Every port that the role listens on, and who may reach it: the firewall's source."""
        return ()

    def ssh_clients(self) -> tuple[str, ...]:
        """Groups whose hosts log in over SSH, to an account of the role: the firewall lets them."""
        return ()

    def ports_on(self, machine: Machine) -> tuple[Port, ...]:
        """Those of the ports that the role listens on at `machine`; mostly all."""
        return self.ports()

    def scrapes(self) -> tuple[Scrape, ...]:
        """Every metrics endpoint that the role serves: the source of Prometheus' targets."""
        return ()

    def route(self) -> Route | None:
        """Where the gateway reaches the role; None for one that it leaves alone."""
        return None

    def secrets(self) -> tuple[str, ...]:
        """Names of the secrets that the role needs; generated before planning when missing."""
        return ()

    def given_secrets(self) -> tuple[GivenSecret, ...]:
        """Secrets that only the user can give; a run is refused while one is missing."""
        return ()

    def memory(self, machine: Machine) -> tuple[MemoryClaim, ...]:
        """Main memory that the role may take of `machine`."""
        return ()

    def gpu_memory(self, machine: Machine) -> tuple[GpuClaim, ...]:
        """Memory of graphics cards that the role takes on `machine`."""
        return ()

    def disk(self, machine: Machine) -> tuple[DiskClaim, ...]:
        """Space that the role takes on the disks of `machine`."""
        return ()

    def backups(self, machine: Machine) -> tuple[Backup, ...]:
        """Data of the role on `machine` that the role `backup` keeps copies of."""
        return ()

    def conflicts(self, machine: Machine, topology: Topology) -> tuple[Conflict, ...]:
        """What these settings, held by `machine`, cannot be together with; preflight refuses it."""
        return ()

    def to_json(self) -> dict[str, Any]:
        """What ``debug-inventory`` prints: plain types only, no secret (settings hold names)."""
        return self.model_dump(mode="json")
