"""Preflight of the NPU: why a host cannot have its driver, and the way out, before any change."""

from __future__ import annotations

import re

from deploys.npu_driver import TARGETS
from facts.npu import Npu

OLDEST_KERNEL = (6, 6)
"""The first whose intel_vpu the driver works with."""

_NEWER_KERNELS = {
    "debian": "apt-get install -t trixie-backports linux-image-amd64",
    "ubuntu": "apt-get install linux-generic-hwe-24.04",
}


def obstacle(found: Npu, with_server: bool) -> str:
    """The sentence that a host is refused with; empty where nothing stands in the way."""
    return (
        _machine(found)
        or _distribution(found, with_server)
        or _kernel(found)
        or _device(found)
        or _people(found)
    )


def _machine(found: Npu) -> str:
    if found.architecture == "x86_64":
        return ""
    return (
        f"Intel's NPU and its driver are for x86-64, and this host is {found.architecture}; take "
        "it out of `npu` in inventory.py"
    )


def _distribution(found: Npu, with_server: bool) -> str:
    name, version = found.linux
    if found.linux not in TARGETS:
        known = ", ".join(" ".join(each) for each in TARGETS)
        return (
            f"Intel builds its driver for no {name} {version or 'of no version'} that this role "
            f"knows; install one of {known}, or take the host out of `npu`"
        )
    if with_server and found.linux == ("ubuntu", "26.04"):
        # libxml2.so.2 went with libxml2 2.14; the release for Ubuntu 24.04 is linked against it.
        return (
            "the model server's release wants libxml2.so.2, which ubuntu 26.04 has no more; set "
            "`server=None` in group_data/npu.py"
        )
    return ""


def _kernel(found: Npu) -> str:
    numbers = re.match(r"(\d+)\.(\d+)", found.kernel)
    if numbers and (int(numbers[1]), int(numbers[2])) >= OLDEST_KERNEL:
        return ""
    wanted = ".".join(map(str, OLDEST_KERNEL))
    return (
        f"the kernel {found.kernel} runs, and the driver of the NPU needs {wanted} at least; as "
        f"root: {_NEWER_KERNELS[found.linux[0]]}, then reboot"
    )


def _device(found: Npu) -> str:
    if not found.devices:
        return (
            "there is no Intel NPU on its PCI bus (lspci -d 8086::1200); switch it on in the "
            "firmware, where it may be named after AI or VPU, or take the host out of `npu`"
        )
    if not found.has_module:
        return (
            f"the kernel {found.kernel} has no module intel_vpu; boot one of the distribution, "
            "with its extra modules (ubuntu: apt-get install linux-modules-extra-$(uname -r))"
        )
    return ""


def _people(found: Npu) -> str:
    if not found.unknown:
        return ""
    who = ", ".join(found.unknown)
    return (
        f"it has no account {who}, which is to use the NPU; make it (adduser), or set `users` in "
        "group_data/npu.py to accounts that there are"
    )
