"""Who: the hosts with their addresses, and the roles (groups) that each has.

A role is a list of host names here, a module in ``deploys/`` and a file in ``group_data/``.
"""

import preflight
from deploys.declarations import EVERYONE as _EVERYONE
from deploys.declarations import Port as _Port
from deploys.firewall import Firewall as _Firewall
from deploys.guest import Guest as _Guest
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
# What `_observation` below gives its guest.
_metrics = _Hardware(physical_cores=2, memory_gib=2, system_gib=2, disk_gib=48)

# The containers of the node; their addresses are their `ssh_hostname`.
_gateway = _Guest(node="xps15", vmid=121, cores=2, memory_mib=1024, disk_gib=8)
_observation = _Guest(node="xps15", vmid=122, cores=2, memory_mib=2048, disk_gib=48)
_grafana = _Guest(node="xps15", vmid=123, cores=2, memory_mib=1024, disk_gib=8)
_automation = _Guest(node="xps15", vmid=124, cores=2, memory_mib=3072, disk_gib=24)
_mlflow = _Guest(node="xps15", vmid=125, cores=2, memory_mib=2048, disk_gib=48)

all = [
    ("schlimers-server", {"ssh_hostname": "192.168.1.10", "hardware": _desktop}),
    ("xps15", {"ssh_hostname": "192.168.1.20", "firewall": _proxmox}),
    ("sclimers-gateway", {"ssh_hostname": "192.168.1.21", "guest": _gateway}),
    (
        "sclimers-observation",
        {"ssh_hostname": "192.168.1.22", "guest": _observation, "hardware": _metrics},
    ),
    ("sclimers-grafana", {"ssh_hostname": "192.168.1.23", "guest": _grafana}),
    ("sclimers-automation", {"ssh_hostname": "192.168.1.24", "guest": _automation}),
    ("sclimers-mlflow", {"ssh_hostname": "192.168.1.25", "guest": _mlflow}),
    ("xps13", {"ssh_hostname": "192.168.1.30", "may_be_absent": True}),
    ("jetson", {"ssh_hostname": "192.168.1.40", "may_be_absent": True}),
]

base = ssh = firewall = node_exporter = [name for name, _ in all]
proxmox = ["xps15"]
victoria_logs = ["sclimers-observation"]
journal_upload = [name for name, _ in all]
nvidia = ["schlimers-server"]
docker = ["schlimers-server", "jetson"]
models = ["schlimers-server"]
vllm = ["schlimers-server"]
llama_cpp = ["schlimers-server"]
embeddings = ["schlimers-server"]
triton = ["schlimers-server"]
dcgm_exporter = ["schlimers-server"]
nginx = ["sclimers-gateway"]
alertmanager = ["sclimers-observation"]
blackbox_exporter = ["sclimers-observation"]
prometheus = ["sclimers-observation"]
grafana = ["sclimers-grafana"]

preflight.check(__file__)
