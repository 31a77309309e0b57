"""Prometheus: how often it asks, and how long it remembers."""

from deploys.prometheus import Prometheus

prometheus = Prometheus()
