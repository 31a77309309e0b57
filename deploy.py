"""Order: every role, one statement each (pyinfra knows an operation by its line)."""

from pyinfra import host

from deploys import (
    base,
    docker,
    firewall,
    llama_cpp,
    models,
    nginx,
    node_exporter,
    prometheus,
    ssh,
)

if "base" in host.groups:
    base.install()
if "ssh" in host.groups:
    ssh.install()
if "firewall" in host.groups:
    firewall.install()
if "node_exporter" in host.groups:
    node_exporter.install()
if "docker" in host.groups:
    docker.install()
if "models" in host.groups:
    models.install()
if "llama_cpp" in host.groups:
    llama_cpp.install()
if "nginx" in host.groups:
    nginx.install()
if "prometheus" in host.groups:
    prometheus.install()
