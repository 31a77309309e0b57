"""Metrics of the machines themselves."""

from deploys.node_exporter import NodeExporter

node_exporter = NodeExporter(port=9100, extra_collectors=("systemd",))
