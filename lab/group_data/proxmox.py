"""Proxmox VE, in the lab: the gateway of the lab's network; all else is production's."""

from group_data.proxmox import proxmox as _proxmox
from lab import network as _network

proxmox = _proxmox.model_copy(update=_network.gateway())
