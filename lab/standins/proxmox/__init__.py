"""Proxmox VE, as a stand-in: `pct`, `pveam`, `pvesh` and `pveversion` over the lab's containers."""
