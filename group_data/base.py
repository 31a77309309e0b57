"""Names, trust, time and updates of every host."""

from deploys.base import Base

base = Base(
    # Names below the domain that stand for the first host of a role.
    service_names={"gateway": "nginx"},
    # Names for things outside the inventory; /etc/hosts is managed whole.
    # extra_hosts={"printer": "192.168.1.60"},
    automatic_reboot=False,
)
