"""Blackbox exporter: how it asks the routes of the gateway."""

from deploys.blackbox_exporter import BlackboxExporter

blackbox_exporter = BlackboxExporter()
