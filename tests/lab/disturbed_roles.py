"""A deploy of the roles that tests/lab/test_faults_controller.py disturbs, in their order."""

from pyinfra import host

from deploys import base, llama_cpp, nginx, node_exporter, prometheus

base.install()
node_exporter.install()
if "llama_cpp" in host.groups:
    llama_cpp.install()
if "nginx" in host.groups:
    nginx.install()
if "prometheus" in host.groups:
    prometheus.install()
