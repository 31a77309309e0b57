"""Proxmox VE: the network of its guests; the gateway starts first, n8n last."""

from deploys.proxmox import Proxmox

proxmox = Proxmox(
    gateway="192.168.1.1",
    start_order=(
        "sclimers-gateway",
        "sclimers-observation",
        "sclimers-grafana",
        "sclimers-mlflow",
        "sclimers-automation",
    ),
)
