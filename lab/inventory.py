"""Who, in the lab: the hosts and groups of the production inventory at the lab's own addresses."""

import preflight
from lab import hardware as _hardware
from lab import network as _network
from lab.group_data.docker import docker as _docker
from lab.machines import production_groups as _production_groups

_hosts = _network.read().hosts
# One host has the engine of Docker's repository, the other one that of the distribution.
_data = {"schlimers-server": {"docker": _docker.model_copy(update={"source": "docker"})}}

globals().update(_production_groups())
all = [
    (
        _name,
        {
            **_own,
            **_hardware.as_played(_own),
            **_data.get(_name, {}),
            "ssh_hostname": _hosts[_name],
        },
    )
    for _name, _own in all
]

preflight.check(__file__)
