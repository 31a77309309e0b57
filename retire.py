"""Retire: takes off each host the roles that it no longer has (data are kept), and old models."""

from pyinfra import host

from deploys import (
    alertmanager,
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
    ssh,
    triton,
    victoria_logs,
    vllm,
)
from operations import rollout

retired = rollout.roles_left_behind(host.groups)

# The last to come is the first to go.
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
