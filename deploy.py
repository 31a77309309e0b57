"""Order: every role, one statement each (pyinfra knows an operation by its line)."""

from pyinfra import host

from deploys import (
    alertmanager,
    base,
    blackbox_exporter,
    dcgm_exporter,
    docker,
    embeddings,
    firewall,
    grafana,
    journal_upload,
    llama_cpp,
    models,
    nginx,
    node_exporter,
    nvidia,
    prometheus,
    proxmox,
    ssh,
    triton,
    victoria_logs,
    vllm,
)

if "base" in host.groups:
    base.install()
if "ssh" in host.groups:
    ssh.install()
if "firewall" in host.groups:
    firewall.install()
if "node_exporter" in host.groups:
    node_exporter.install()
if "proxmox" in host.groups:
    proxmox.install()
if "victoria_logs" in host.groups:
    victoria_logs.install()
if "journal_upload" in host.groups:
    journal_upload.install()
if "nvidia" in host.groups:
    nvidia.install()
if "docker" in host.groups:
    docker.install()
if "models" in host.groups:
    models.install()
if "vllm" in host.groups:
    vllm.install()
if "llama_cpp" in host.groups:
    llama_cpp.install()
if "embeddings" in host.groups:
    embeddings.install()
if "triton" in host.groups:
    triton.install()
if "dcgm_exporter" in host.groups:
    dcgm_exporter.install()
if "nginx" in host.groups:
    nginx.install()
if "alertmanager" in host.groups:
    alertmanager.install()
if "blackbox_exporter" in host.groups:
    blackbox_exporter.install()
if "prometheus" in host.groups:
    prometheus.install()
if "grafana" in host.groups:
    grafana.install()
