"""Who, in the lab: the hosts and groups of the production inventory at the lab's own addresses."""

import preflight
from lab import hardware as _hardware
from lab import network as _network
from lab.machines import production_groups as _production_groups

_hosts = _network.read().hosts

globals().update(_production_groups())
all = [
    (_name, {**_data, **_hardware.as_played(_data), "ssh_hostname": _hosts[_name]})
    for _name, _data in all
]

preflight.check(__file__)
