"""The README's picture of a dashboard: its panels, drawn from what the lab's Prometheus answered.

Grafana's own server was not run. The picture shows real query results where the panels
stand, and says that Grafana did not draw it.
"""
