"""GPU: what the DCGM exporter says of the graphics cards."""

from __future__ import annotations

from grafana_foundation_sdk.models import units

from dashboards.alert_limits import limits
from dashboards.panels import Dashboard, Limits, Panel, Query, Row
from dashboards.units import EVENTS_PER_SECOND

CARD = "{{instance}} GPU {{gpu}}"

CARDS = Row(
    "Cards",
    (
        Panel(
            "Temperature",
            "Temperature of the chip. Cards slow down by themselves in the high eighties.",
            units.Celsius,
            (Query("DCGM_FI_DEV_GPU_TEMP", CARD),),
            limits=limits(units.Celsius, "dcgm_exporter", "GpuHot", "GpuTooHot"),
        ),
        Panel(
            "Power",
            "Electric power that the card draws.",
            units.Watt,
            (Query("DCGM_FI_DEV_POWER_USAGE", CARD),),
        ),
        Panel(
            "Computing",
            "Share of time in which at least one kernel ran. It says nothing of how well the card "
            "was filled.",
            units.Percent,
            (
                Query("DCGM_FI_DEV_GPU_UTIL", f"{CARD} kernels"),
                Query("DCGM_FI_DEV_MEM_COPY_UTIL", f"{CARD} memory bus"),
            ),
            maximum=100,
        ),
    ),
)

MEMORY = Row(
    "Memory and clocks",
    (
        Panel(
            "Memory",
            "Memory of the card in MiB. vLLM takes its whole share at start; what is free then "
            "stays free.",
            units.Mebibytes,
            (
                Query("DCGM_FI_DEV_FB_USED", f"{CARD} used"),
                Query("DCGM_FI_DEV_FB_RESERVED", f"{CARD} reserved by the driver"),
                Query("DCGM_FI_DEV_FB_FREE", f"{CARD} free"),
            ),
            stacked=True,
        ),
        Panel(
            "Memory used",
            "Share of the card's memory that is taken.",
            units.PercentUnit,
            (Query("instance_gpu:dcgm_memory_used:ratio", CARD),),
            limits=limits(units.PercentUnit, "dcgm_exporter", "GpuMemoryFull"),
            maximum=1,
        ),
        Panel(
            "Clocks",
            "Clocks of the processors and of the memory. Processors that slow down under load, at "
            "full power or high temperature, are being throttled.",
            units.Hertz,
            (
                Query("DCGM_FI_DEV_SM_CLOCK * 1e6", f"{CARD} processors"),
                Query("DCGM_FI_DEV_MEM_CLOCK * 1e6", f"{CARD} memory"),
            ),
        ),
    ),
)

HEALTH = Row(
    "Health",
    (
        Panel(
            "Last XID error",
            "Number of the last error that the driver reported; 0 is none. NVIDIA's list of XID "
            "errors says what it means.",
            units.NoUnit,
            (Query("DCGM_FI_DEV_XID_ERRORS", CARD),),
            kind="number",
            limits=Limits(warning=1),
        ),
        Panel(
            "PCIe replays",
            "Transfers over the bus that had to be repeated, each second. Seated badly or a bad "
            "cable, if it does not stay near zero.",
            EVENTS_PER_SECOND,
            (Query("rate(DCGM_FI_DEV_PCIE_REPLAY_COUNTER[$__rate_interval])", CARD),),
        ),
        Panel(
            "Power by energy",
            "Mean power, from the energy counter: what a peak between two scrapes adds is in it.",
            units.Watt,
            (
                Query(
                    "rate(DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION[$__rate_interval]) / 1000",
                    CARD,
                ),
            ),
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="gpu",
    title="GPU",
    description="Temperature, power, memory, clocks and errors of the graphics cards.",
    rows=(CARDS, MEMORY, HEALTH),
    roles=("dcgm_exporter",),
)
