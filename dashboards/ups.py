"""UPS: is there mains power, how much the battery has, and for how long."""

from __future__ import annotations

from grafana_foundation_sdk.models import units

from dashboards.panels import Dashboard, Panel, Query, Row

BATTERY = Row(
    "UPS",
    (
        Panel(
            "Status",
            "What the UPS says of itself: OL is mains power, OB battery, LB a low one.",
            units.Short,
            (Query('network_ups_tools_ups_status{flag=~"OL|OB|LB|RB|OVER"}', "{{flag}}"),),
            width=12,
        ),
        Panel(
            "Load",
            "Share of what the UPS can deliver.",
            units.Percent,
            (Query("network_ups_tools_ups_load", "{{instance}}"),),
            width=12,
        ),
        Panel(
            "Charge",
            "What the battery has left.",
            units.Percent,
            (Query("network_ups_tools_battery_charge", "{{instance}}"),),
            width=12,
        ),
        Panel(
            "Runtime",
            "How long the battery would last at this load, by the estimate of the UPS.",
            units.Seconds,
            (Query("network_ups_tools_battery_runtime", "{{instance}}"),),
            width=12,
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="ups",
    title="UPS",
    description="Mains power, battery and load of the UPS.",
    rows=(BATTERY,),
    roles=("ups",),
)
