"""Logs: the journals and container logs of all hosts, as VictoriaLogs keeps them."""

from __future__ import annotations

from grafana_foundation_sdk.models import units

from dashboards.panels import Dashboard, Panel, Query, Row

SEVERE = 'PRIORITY:in("0", "1", "2", "3")'
"""Errors and worse, by the numbers of syslog(3), which the journal keeps."""

COUNTS = Row(
    "How much",
    (
        Panel(
            "Lines by host",
            "Lines that each host wrote.",
            units.Short,
            (Query("* | stats by (_HOSTNAME) count() lines", "{{_HOSTNAME}}"),),
            kind="line counts",
            width=12,
        ),
        Panel(
            "Errors by unit",
            "Lines of priority error and worse, by the unit or container that wrote them.",
            units.Short,
            (
                Query(
                    f"{SEVERE} | stats by (_SYSTEMD_UNIT, CONTAINER_NAME) count() lines",
                    "{{_SYSTEMD_UNIT}} {{CONTAINER_NAME}}",
                ),
            ),
            kind="line counts",
            width=12,
        ),
    ),
)

LINES = Row(
    "What",
    (
        Panel(
            "Errors",
            "Lines of priority error and worse, newest first.",
            units.Short,
            (Query(SEVERE),),
            kind="lines",
            width=24,
            height=10,
        ),
        Panel(
            "All lines",
            "Everything, newest first. Explore narrows it down by host and unit.",
            units.Short,
            (Query("*"),),
            kind="lines",
            width=24,
            height=14,
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="logs",
    title="Logs",
    description="Journals and container logs of all hosts.",
    rows=(COUNTS, LINES),
    roles=("victoria_logs",),
)
