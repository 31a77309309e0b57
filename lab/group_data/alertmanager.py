"""Alertmanager in the lab: as in production, but a test need not wait minutes for a group."""

from group_data.alertmanager import alertmanager as _production

alertmanager = _production.model_copy(update={"group_wait_seconds": 1, "group_interval_seconds": 5})
