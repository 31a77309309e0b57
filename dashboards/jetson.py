"""Jetson: temperature, power and memory of the small board, which processor and graphics share."""

from __future__ import annotations

from grafana_foundation_sdk.models import units

from dashboards.panels import Dashboard, Panel, Query, Row

ON_JETSON = "and on (instance) jetson_gpu_load_ratio"
"""Of all hosts those that write these metrics."""

BOARD = Row(
    "Board",
    (
        Panel(
            "Temperature",
            "Temperature of each zone of the board.",
            units.Celsius,
            (Query("jetson_temperature_celsius", "{{instance}} {{zone}}"),),
        ),
        Panel(
            "Power",
            "Electric power of each rail; the power mode (nvpmodel) limits their sum.",
            units.Watt,
            (Query("jetson_power_watts", "{{instance}} {{rail}}"),),
        ),
        Panel(
            "Computing",
            "Share of time in which the graphics unit computes, and in which the cores do.",
            units.PercentUnit,
            (
                Query("jetson_gpu_load_ratio", "graphics, {{instance}}"),
                Query(
                    f"instance:node_cpu_busy:ratio_rate5m {ON_JETSON}", "processor, {{instance}}"
                ),
            ),
            maximum=1,
        ),
        Panel(
            "Clock",
            "Clock of the graphics unit. Far below what it was, under load, it is throttled.",
            units.Hertz,
            (Query("jetson_gpu_frequency_hertz", "{{instance}}"),),
        ),
        Panel(
            "Power mode",
            "The mode that nvpmodel has set.",
            units.Short,
            (Query("jetson_power_mode_info", "{{instance}} {{mode}}"),),
        ),
        Panel(
            "Memory",
            "Memory that programs could still have; graphics and processor share it.",
            units.BytesIEC,
            (Query(f"node_memory_MemAvailable_bytes {ON_JETSON}", "{{instance}}"),),
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="jetson",
    title="Jetson",
    description="Temperature, power, load and memory of the Jetson.",
    rows=(BOARD,),
    roles=("jetson",),
)
