"""Preflight of the NVIDIA driver: why a host cannot have it, and the way out, before any change."""

from __future__ import annotations

from deploys.nvidia_repository import REPOSITORIES, repository
from facts.distribution import Linux
from facts.graphics import Graphics, headers_package

_MOK_COMMANDS = {
    "debian": (
        "apt-get install dkms mokutil",
        "dkms generate_mok",
        "mokutil --import /var/lib/dkms/mok.pub",
    ),
    "ubuntu": (
        "apt-get install shim-signed mokutil",
        "update-secureboot-policy --new-key",
        "mokutil --import /var/lib/shim-signed/mok/MOK.der",
    ),
}


def obstacle(linux: Linux, found: Graphics) -> str:
    """The sentence that a host is refused with; empty where nothing stands in the way."""
    if repository(linux) is None:
        known = ", ".join(f"{name} {version}" for name, version in REPOSITORIES)
        return (
            f"NVIDIA has no repository for {linux.name} {linux.version or 'of no version'} that "
            f"this role knows; install one of {known}, or take the host out of `nvidia`"
        )
    if not found.cards:
        return (
            "there is no NVIDIA card on its PCI bus (lspci -d 10de:); seat the card, switch its "
            "slot on in the firmware, or take the host out of `nvidia`"
        )
    return _secure_boot(linux, found) or _headers(found) or _elsewhere(found)


def _secure_boot(linux: Linux, found: Graphics) -> str:
    if not found.secure_boot or found.key_enrolled:
        return ""
    commands = "; ".join(_MOK_COMMANDS[linux.name])
    return (
        "Secure Boot is on and the key that DKMS signs modules with is not enrolled, so the kernel "
        f"would not load the driver. As root: {commands}; it asks for a password. Then reboot, "
        "choose Enroll MOK on the blue screen, and give that password. Or switch Secure Boot off "
        "in the firmware"
    )


def _headers(found: Graphics) -> str:
    if found.headers != "missing":
        return ""
    return (
        f"the module is built for the kernel {found.kernel}, whose headers are neither here nor "
        f"offered by apt ({headers_package(found.kernel)}); reboot into the newest installed "
        "kernel (apt-get dist-upgrade brings one with its headers) and run this again"
    )


def _elsewhere(found: Graphics) -> str:
    if found.run_file:
        return (
            "a driver of NVIDIA's .run installer is here, whose files packages would be mixed "
            "with; as root: nvidia-uninstall, then reboot"
        )
    if not found.foreign:
        return ""
    first = found.foreign[0]
    packages = " ".join(part.package for part in found.foreign)
    return (
        f"it has a driver that is not from NVIDIA's repository ({first.package} {first.version} "
        f"from {first.origin}), and two sources do not mix; as root: "
        f"apt-get purge {packages}; apt-get autoremove --purge"
    )
