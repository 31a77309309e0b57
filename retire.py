"""Retire: takes off each host the roles that it no longer has (data are kept), and old models."""

from pyinfra import host

from deploys import (
    alertmanager,
    backup,
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
    ssh,
    triton,
    ups,
    vault,
    victoria_logs,
    vllm,
    workstation,
)
from operations import rollout

retired = rollout.roles_left_behind(host.groups)

# The last to come is the first to go.
if "ups" in retired:
    ups.remove()
if "backup" in retired:
    backup.remove()
if "npu" in retired:
    npu.remove()
if "workstation" in retired:
    workstation.remove()
if "commit_events" in retired:
    commit_events.remove()
if "n8n" in retired:
    n8n.remove()
if "vault" in retired:
    vault.remove()
if "git" in retired:
    git.remove()
if "mlflow" in retired:
    mlflow.remove()
if "grafana" in retired:
    grafana.remove()
if "prometheus" in retired:
    prometheus.remove()
if "blackbox_exporter" in retired:
    blackbox_exporter.remove()
if "alertmanager" in retired:
    alertmanager.remove()
if "nginx" in retired:
    nginx.remove()
if "dcgm_exporter" in retired:
    dcgm_exporter.remove()
if "triton" in retired:
    triton.remove()
if "edge" in retired:
    edge.remove()
if "embeddings" in retired:
    embeddings.remove()
if "llama_cpp" in retired:
    llama_cpp.remove()
if "vllm" in retired:
    vllm.remove()
if "models" in retired:
    models.remove()
if "docker" in retired:
    docker.remove()
if "nvidia" in retired:
    nvidia.remove()
if "jetson" in retired:
    jetson.remove()
if "journal_upload" in retired:
    journal_upload.remove()
if "victoria_logs" in retired:
    victoria_logs.remove()
if "node_exporter" in retired:
    node_exporter.remove()
if "firewall" in retired:
    firewall.remove()
if "ssh" in retired:
    ssh.remove()

if "models" in host.groups:
    models.remove_undeclared()

rollout.left(name="Forget the retired roles", roles=retired)
