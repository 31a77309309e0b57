"""What the firewall lets in beyond the ports that the roles declare themselves."""

from deploys.firewall import Firewall

firewall = Firewall(
    # For example, with EVERYONE and Port from deploys.declarations:
    # unmanaged=(Port(8006, "Proxmox VE's web interface", reachable_from=(EVERYONE,)),),
    unmanaged=(),
)
