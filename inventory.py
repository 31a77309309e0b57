"""Who: the hosts with their addresses, and the roles (groups) that each has.

A role is a list of host names here, a module in ``deploys/`` and a file in ``group_data/``.
"""

import preflight
from deploys.declarations import EVERYONE as _EVERYONE
from deploys.declarations import Port as _Port
from deploys.firewall import Firewall as _Firewall
from deploys.hardware import Gpu as _Gpu
from deploys.hardware import Hardware as _Hardware

_proxmox = _Firewall(unmanaged=(_Port(8006, "Proxmox VE's web interface", (_EVERYONE,)),))

# What roles may take of a host is held against this: `make budget` shows it, verify measures it.
_desktop = _Hardware(
    physical_cores=12,
    memory_gib=128,
    disk_gib=900,
    gpus=(_Gpu(name="NVIDIA GeForce RTX 5070 Ti", memory_mib=16303),),
)

all = [
    ("schlimers-server", {"ssh_hostname": "192.168.1.10", "hardware": _desktop}),
    ("xps15", {"ssh_hostname": "192.168.1.20", "firewall": _proxmox}),
    ("sclimers-gateway", {"ssh_hostname": "192.168.1.21"}),
    ("sclimers-observation", {"ssh_hostname": "192.168.1.22"}),
    ("sclimers-grafana", {"ssh_hostname": "192.168.1.23"}),
    ("sclimers-automation", {"ssh_hostname": "192.168.1.24"}),
    ("sclimers-mlflow", {"ssh_hostname": "192.168.1.25"}),
    ("xps13", {"ssh_hostname": "192.168.1.30", "may_be_absent": True}),
    ("jetson", {"ssh_hostname": "192.168.1.40", "may_be_absent": True}),
]

base = ssh = firewall = node_exporter = [name for name, _ in all]
nvidia = ["schlimers-server"]
docker = ["schlimers-server", "jetson"]
models = ["schlimers-server"]
vllm = ["schlimers-server"]
llama_cpp = ["schlimers-server"]
embeddings = ["schlimers-server"]
triton = ["schlimers-server"]
dcgm_exporter = ["schlimers-server"]
nginx = ["sclimers-gateway"]
prometheus = ["sclimers-observation"]

preflight.check(__file__)
