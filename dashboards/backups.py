"""Backups: how old the newest ones are, and how large."""

from __future__ import annotations

from grafana_foundation_sdk.models import units

from dashboards.alert_limits import limits
from dashboards.panels import Dashboard, Panel, Query, Row

WHAT = "{{what}} in {{repository}}"

BACKUPS = Row(
    "Backups",
    (
        Panel(
            "Age",
            "Time since the last backup that ended well.",
            units.Seconds,
            (Query("time() - ai_idp_backup_last_success_timestamp_seconds", WHAT),),
            kind="bars",
            width=12,
            limits=limits(units.Seconds, "backup", "BackupTooOld"),
        ),
        Panel(
            "Size",
            "Size of each backup. A sudden fall means that something is no longer backed up.",
            units.BytesIEC,
            (Query("ai_idp_backup_size_bytes", WHAT),),
            width=12,
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="backups",
    title="Backups",
    description="Age and size of every backup.",
    rows=(BACKUPS,),
    roles=("backup",),
)
