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
from deploys.power import Power as _Power
from group_data.models import models as _models

_proxmox = _Firewall(unmanaged=(_Port(8006, "Proxmox VE's web interface", (_EVERYONE,)),))

# What roles may take of a host is held against this: `make budget` shows it, verify measures it.
_desktop = _Hardware(
    physical_cores=12,
    memory_gib=128,
    disk_gib=900,
    gpus=(_Gpu(name="NVIDIA GeForce RTX 5070 Ti", memory_mib=16303),),
)
# What `_observation`, `_automation` and `_mlflow` below give their guests.
_metrics = _Hardware(physical_cores=2, memory_gib=2, system_gib=2, disk_gib=48)
_notes = _Hardware(physical_cores=2, memory_gib=3, system_gib=1, disk_gib=24)
_runs = _Hardware(physical_cores=2, memory_gib=2, system_gib=1, disk_gib=48)

# A Jetson Orin Nano: 8 GB that processor and GPU share, and a disk of 256 GB in its M.2 slot.
_board = _Hardware(physical_cores=6, memory_gib=8, system_gib=3, disk_gib=233)

# What a socket sees. Desktop: 300 W of the card (NVIDIA), 162 W of the processor (1.35 times AMD's
# TDP of 120 W), 60 W for the rest, over a power supply of 90 %; the laptop's adapter of 130 W; the
# Jetson in its mode of 25 W, over its own adapter. Idle is a guess: measure it.
_desktop_power = _Power(idle_watts=75, peak_watts=580)
_laptop_power = _Power(idle_watts=15, peak_watts=130)
_board_power = _Power(idle_watts=7, peak_watts=30)

# The containers of the node; their addresses are their `ssh_hostname`.
_gateway = _Guest(node="xps15", vmid=121, cores=2, memory_mib=1024, disk_gib=8)
_observation = _Guest(node="xps15", vmid=122, cores=2, memory_mib=2048, disk_gib=48)
_grafana = _Guest(node="xps15", vmid=123, cores=2, memory_mib=1024, disk_gib=8)
_automation = _Guest(node="xps15", vmid=124, cores=2, memory_mib=3072, disk_gib=24)
_mlflow = _Guest(node="xps15", vmid=125, cores=2, memory_mib=2048, disk_gib=48)

all = [
    (
        "schlimers-server",
        {"ssh_hostname": "192.168.1.10", "hardware": _desktop, "power": _desktop_power},
    ),
    ("xps15", {"ssh_hostname": "192.168.1.20", "firewall": _proxmox, "power": _laptop_power}),
    ("sclimers-gateway", {"ssh_hostname": "192.168.1.21", "guest": _gateway}),
    (
        "sclimers-observation",
        {"ssh_hostname": "192.168.1.22", "guest": _observation, "hardware": _metrics},
    ),
    ("sclimers-grafana", {"ssh_hostname": "192.168.1.23", "guest": _grafana}),
    (
        "sclimers-automation",
        {"ssh_hostname": "192.168.1.24", "guest": _automation, "hardware": _notes},
    ),
    (
        "sclimers-mlflow",
        {"ssh_hostname": "192.168.1.25", "guest": _mlflow, "hardware": _runs},
    ),
    ("xps13", {"ssh_hostname": "192.168.1.30", "may_be_absent": True}),
    (
        "jetson",
        {
            "ssh_hostname": "192.168.1.40",
            "may_be_absent": True,
            "hardware": _board,
            "power": _board_power,
            "models": _models.holding("llama-3.2-1b-instruct"),
        },
    ),
]

base = ssh = firewall = node_exporter = [name for name, _ in all]
proxmox = ["xps15"]
victoria_logs = ["sclimers-observation"]
journal_upload = [name for name, _ in all]
jetson = ["jetson"]
nvidia = ["schlimers-server"]
docker = ["schlimers-server", "jetson"]
models = ["schlimers-server", "jetson"]
vllm = ["schlimers-server"]
llama_cpp = ["schlimers-server"]
embeddings = ["schlimers-server"]
edge = ["jetson"]
triton = ["schlimers-server"]
dcgm_exporter = ["schlimers-server"]
nginx = ["sclimers-gateway"]
alertmanager = ["sclimers-observation"]
blackbox_exporter = ["sclimers-observation"]
prometheus = ["sclimers-observation"]
grafana = ["sclimers-grafana"]
mlflow = ["sclimers-mlflow"]
git = ["sclimers-automation"]
vault = ["sclimers-automation"]
n8n = ["sclimers-automation"]
commit_events = ["sclimers-automation", "xps13"]
workstation = ["xps13"]
npu = ["xps13"]
backup = [
    "schlimers-server",
    "sclimers-observation",
    "sclimers-grafana",
    "sclimers-automation",
    "sclimers-mlflow",
]
ups = ["xps15", "schlimers-server", "jetson"]

preflight.check(__file__)
