"""UPS: the file that NUT's driver `dummy-ups` reads in the lab, where the cable would be."""

from __future__ import annotations

DEVICE = "/var/lib/lab-guests/ups.dev"
"""On the node, which has the cable; made by `standins/proxmox/node-init`."""
