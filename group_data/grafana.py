"""Grafana: its version, and the plugin that reads the logs."""

from deploys.grafana import Grafana

grafana = Grafana(
    version="13.2.3",
    logs_plugin_version="0.32.0",
    logs_plugin_sha256="e100b767f19cd614ac8ac3860458a3fb33f5aa7a876e924d0340010e40d1c0d4",
)
