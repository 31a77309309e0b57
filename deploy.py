"""Order: every role, one statement each (pyinfra knows an operation by its line)."""

from pyinfra import host

from deploys import (
    alertmanager,
    backup,
    base,
    blackbox_exporter,
    commit_events,
    dcgm_exporter,
    docker,
    edge,
    embeddings,
    firewall,
    git,
    grafana,
    jetson,
    journal_upload,
    llama_cpp,
    mlflow,
    models,
    n8n,
    nginx,
    node_exporter,
    npu,
    nvidia,
    prometheus,
    proxmox,
    ssh,
    triton,
    ups,
    vault,
    victoria_logs,
    vllm,
    workstation,
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
if "jetson" in host.groups:
    jetson.install()
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
if "edge" in host.groups:
    edge.install()
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
if "mlflow" in host.groups:
    mlflow.install()
if "git" in host.groups:
    git.install()
if "vault" in host.groups:
    vault.install()
if "n8n" in host.groups:
    n8n.install()
if "commit_events" in host.groups:
    commit_events.install()
if "workstation" in host.groups:
    workstation.install()
if "npu" in host.groups:
    npu.install()
if "backup" in host.groups:
    backup.install()
if "ups" in host.groups:
    ups.install()
