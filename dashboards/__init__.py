"""Dashboards: what Grafana shows, as typed code that its JSON is written from."""
