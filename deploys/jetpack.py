"""JetPack: the releases of Jetson Linux that the roles of a Jetson know, and the way to them."""

from __future__ import annotations

from dataclasses import dataclass

from facts.jetson_linux import FILE, Release


@dataclass(frozen=True)
class JetPack:
    """What differs between the generations: the CUDA that their driver runs at most.

    `reboots_once_used`: nvpmodel wants a reboot for each other power mode as soon as the graphics
    unit was used ("golden image context"; NVIDIA's forum, thread 375435), not only for one that
    gives other parts of it power.
    """

    name: str
    cuda: tuple[int, int]
    reboots_once_used: bool = False


KNOWN = {
    36: JetPack("JetPack 6", (12, 6)),
    39: JetPack("JetPack 7.2", (13, 0), reboots_once_used=True),
}
"""By the major release of Jetson Linux (NVIDIA's Jetson Linux archive)."""


def obstacle(release: Release) -> str:
    """Why nothing is done on a host of this release; empty where it is known."""
    if release.major in KNOWN:
        return ""
    known = " or ".join(f"{pack.name} (r{major})" for major, pack in KNOWN.items())
    if not release.major:
        return (
            f"it has no {FILE}, so it is no Jetson with NVIDIA's Jetson Linux; flash it with "
            f"{known}, or take the host out of this role in inventory.py"
        )
    return (
        f"it runs Jetson Linux {release}, which is not known here; flash {known}, or name the "
        "release in deploys/jetpack.py once its power modes, Docker and images are known to work"
    )
