"""Who, in the lab: the hosts and groups of the production inventory at the lab's own addresses."""

import preflight
from lab import hardware as _hardware
from lab import network as _network
from lab.group_data.backup import by_sftp as _by_sftp
from lab.group_data.docker import docker as _docker
from lab.group_data.models import models as _models
from lab.machines import BY_SFTP as _BY_SFTP
from lab.machines import production_groups as _production_groups

_hosts = _network.read().hosts
# Docker's repository has two versions: this host takes the newest, a Jetson the one for its kernel.
_data = {
    "schlimers-server": {"docker": _docker.model_copy(update={"source": "docker"})},
    "jetson": {"models": _models.holding("llama-3.2-1b-instruct")},
    # The NAS is reached in both ways.
    **{_name: {"backup": _by_sftp()} for _name in _BY_SFTP},
}

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
