"""Overview: whether everything runs, on one screen."""

from __future__ import annotations

from grafana_foundation_sdk.models import units

from dashboards.alert_limits import limits
from dashboards.panels import Dashboard, Limits, Panel, Query, Row
from dashboards.units import TOKENS_PER_SECOND

FIRING = 'ALERTS{alertstate="firing", severity=~"warning|critical"}'
"""Without the alert that always fires to show that alerts arrive."""

STATE = Row(
    "State",
    (
        Panel(
            "Hosts up",
            "Hosts whose node exporter answers, and how many there are. A host that may be absent, "
            "such as a laptop, counts too.",
            units.Short,
            (
                Query('sum(up{job="node"})', "up"),
                Query('count(up{job="node"})', "of"),
            ),
            kind="number",
            width=4,
            height=4,
        ),
        Panel(
            "Services up",
            "Metrics endpoints of services that answer, and how many there are.",
            units.Short,
            (
                Query('sum(up{job!~"node|blackbox"})', "up"),
                Query('count(up{job!~"node|blackbox"})', "of"),
            ),
            kind="number",
            width=4,
            height=4,
        ),
        Panel(
            "Alerts firing",
            "Warnings and critical alerts that fire now. Alertmanager lists them.",
            units.Short,
            (Query(f"count({FIRING}) or vector(0)"),),
            kind="number",
            width=4,
            height=4,
            limits=Limits(warning=1),
        ),
        Panel(
            "Certificate",
            "Days until the gateway's certificate expires. A run renews it in its last 30 days.",
            units.Days,
            (Query("(min(probe_ssl_earliest_cert_expiry) - time()) / 86400"),),
            kind="number",
            width=4,
            height=4,
            limits=limits(
                units.Days, "blackbox_exporter", "CertificateExpiresSoon", "CertificateExpires"
            ),
            decimals=0,
        ),
        Panel(
            "Fullest disk",
            "Used share of the fullest file system of all hosts.",
            units.PercentUnit,
            (Query("max(instance_device:node_filesystem_used:ratio)"),),
            kind="number",
            width=4,
            height=4,
            limits=limits(
                *(units.PercentUnit, "node_exporter", "DiskAlmostFull", "DiskFull"), complement=True
            ),
            decimals=0,
        ),
        Panel(
            "GPU temperature",
            "The hottest graphics card. It slows itself down near its limit.",
            units.Celsius,
            (Query("max(DCGM_FI_DEV_GPU_TEMP)"),),
            kind="number",
            width=4,
            height=4,
            limits=limits(units.Celsius, "dcgm_exporter", "GpuHot", "GpuTooHot"),
        ),
    ),
)

WORK = Row(
    "Work",
    (
        Panel(
            "Generated tokens",
            "Tokens that the chat models write each second, mean of 5 minutes.",
            TOKENS_PER_SECOND,
            (
                Query("sum(instance:vllm_generation_tokens:rate5m)", "vLLM"),
                Query("sum(instance:llama_cpp_generation_tokens:rate5m)", "llama.cpp"),
                Query("sum(instance:edge_generation_tokens:rate5m)", "edge"),
            ),
        ),
        Panel(
            "Requests by route",
            "Requests that the gateway answers each second, by route, mean of 5 minutes.",
            units.RequestsPerSecond,
            (Query("sum by (route) (route:nginx_requests:rate5m)", "{{route}}"),),
            stacked=True,
        ),
        Panel(
            "Alerts over time",
            "Warnings and critical alerts that fire, by name.",
            units.Short,
            (
                Query(
                    f"sum by (alertname) ({FIRING}) "
                    'or label_replace(vector(0), "alertname", "none", "", "")',
                    "{{alertname}}",
                ),
            ),
            stacked=True,
        ),
    ),
)

MACHINES = Row(
    "Machines",
    (
        Panel(
            "GPU load",
            "Share of time in which the card computes, and share of its memory that is taken. vLLM "
            "takes its share of the memory at start and keeps it.",
            units.PercentUnit,
            (
                Query("max by (instance) (DCGM_FI_DEV_GPU_UTIL) / 100", "computing, {{instance}}"),
                Query(
                    "max by (instance) (instance_gpu:dcgm_memory_used:ratio)",
                    "memory, {{instance}}",
                ),
            ),
            maximum=1,
        ),
        Panel(
            "Processor",
            "Share of all cores that is busy, by host, mean of 5 minutes.",
            units.PercentUnit,
            (Query("instance:node_cpu_busy:ratio_rate5m", "{{instance}}"),),
            maximum=1,
        ),
        Panel(
            "Memory",
            "Share of main memory that programs could not have, by host.",
            units.PercentUnit,
            (Query("instance:node_memory_used:ratio", "{{instance}}"),),
            maximum=1,
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="overview",
    title="Overview",
    description="Whether everything runs: hosts, services, alerts, models, graphics card.",
    rows=(STATE, WORK, MACHINES),
)
