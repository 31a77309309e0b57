"""Alertmanager: whom it tells of alerts, and how often."""

from deploys.alertmanager import Alertmanager

alertmanager = Alertmanager()
