"""Workstation: the SSH key of the person who works at the lab's xps13."""

from __future__ import annotations

import subprocess

import atomic_file
from lab.checkout import STATE

HOST = "xps13"
KEY = STATE / "workstation" / "id_ed25519"


def public_key() -> str:
    """The person's public key, made when it is asked for first."""
    # Several programs read the lab's inventory at a time.
    with atomic_file.locked(KEY.parent):
        if not KEY.exists():
            name = f"somebody@{HOST}"
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(KEY)]
            subprocess.run(command, check=True)
    return KEY.with_suffix(".pub").read_text().strip()
