"""npm's cache: one volume for every lab of this machine, so that a package is downloaded once.

npm takes from it only what has the integrity that a lock names.
"""

from __future__ import annotations

import inventory as production
from lab.engine import docker

VOLUME = "ai-idp-lab-npm"
MOUNTS = (f"{VOLUME}:/root/.npm",)


def mounts(host: str) -> tuple[str, ...]:
    """The mounts of a host on which npm installs packages; none for others."""
    return MOUNTS if host in production.n8n else ()


def remove() -> None:
    """Remove the volume, if it is there and no container has it."""
    if docker("volume", "ls", "-q", "--filter", f"name=^{VOLUME}$").strip():
        docker("volume", "rm", VOLUME)
