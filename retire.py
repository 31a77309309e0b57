"""Retire: takes off each host the roles that it no longer has (data are kept), and old models."""

from pyinfra import host

from deploys import (
    dcgm_exporter,
    docker,
    embeddings,
    firewall,
    llama_cpp,
    models,
    nginx,
    node_exporter,
    nvidia,
    prometheus,
    ssh,
    triton,
    vllm,
)
from operations import rollout

retired = rollout.roles_left_behind(host.groups)

# The last to come is the first to go.
if "prometheus" in retired:
    prometheus.remove()
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
if "node_exporter" in retired:
    node_exporter.remove()
if "firewall" in retired:
    firewall.remove()
if "ssh" in retired:
    ssh.remove()

if "models" in host.groups:
    models.remove_undeclared()

rollout.left(name="Forget the retired roles", roles=retired)
