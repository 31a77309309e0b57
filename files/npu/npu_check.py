"""npu-check: whether OpenVINO has the NPU for the account that asks, and if not, why.

Exits 0 only when it has.
"""

from __future__ import annotations

import ctypes
import getpass
import importlib
import os
import sys
from pathlib import Path
from typing import Any

DEVICES = Path("/dev/accel")
LOADER, DRIVER = "libze_loader.so.1", "libze_intel_npu.so.1"
ROLL_OUT = "roll the role `npu` out to this host again"


def main() -> int:
    """Say what OpenVINO finds; 0 with the NPU among it, 1 without."""
    try:
        openvino: Any = importlib.import_module("openvino")
    except ImportError as error:
        return _fail(f"OpenVINO cannot be loaded ({error}); {ROLL_OUT}")
    core = openvino.Core()
    found = list(core.available_devices)
    version = openvino.__version__.partition("-")[0]
    print(f"OpenVINO {version} finds: {', '.join(found)}")
    if "NPU" not in found:
        return _fail(f"no NPU for {getpass.getuser()}: {obstacle()}")
    print(f"NPU: {core.get_property('NPU', 'FULL_DEVICE_NAME')}")
    return 0


def obstacle() -> str:
    """Why OpenVINO finds no NPU, as far as it can be seen from here, and what to do."""
    nodes = sorted(DEVICES.glob("accel[0-9]*"))
    if not nodes:
        return (
            f"there is no {DEVICES}/accel0, so the kernel has not started the device; as root: "
            "dmesg | grep intel_vpu says why, and a reboot lets it try again"
        )
    if not any(os.access(node, os.R_OK | os.W_OK) for node in nodes):
        return (
            f"it may not open {nodes[0]}, which is for the group render; put it into `users` in "
            "group_data/npu.py. A session that began before keeps its groups: log in again, or "
            "sg render -c npu-check"
        )
    return _missing() or (
        "the device and its driver are there, and OpenVINO takes neither; "
        "OV_NPU_LOG_LEVEL=LOG_DEBUG npu-check shows how far it comes"
    )


def _missing() -> str:
    for name in (LOADER, DRIVER):
        try:
            ctypes.CDLL(name)
        except OSError as error:
            return f"a library of the driver cannot be loaded ({error}); {ROLL_OUT}"
    return ""


def _fail(reason: str) -> int:
    print(f"npu-check: {reason}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
