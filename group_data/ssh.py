"""How to log in: with keys only."""

from deploys.ssh import Ssh

ssh = Ssh(
    # Who gets through the firewall; empty: `networks` of group_data/all.py. It has to hold the
    # machine that deploys; if it does not, the host undoes the change by itself.
    allowed_networks=(),
    permit_root_login="prohibit-password",
)
