"""Hosts: processor, memory, disks, network and clock of every machine, by its node exporter."""

from __future__ import annotations

from grafana_foundation_sdk.models import units

from dashboards.alert_limits import limits
from dashboards.panels import Dashboard, Panel, Query, Row
from dashboards.units import EVENTS_PER_SECOND

HOST = "{{instance}}"
DISKS = 'device!~"loop.*|ram.*|dm-.*|zram.*"'
CARDS = 'device!~"lo|docker.*|br-.*|veth.*|tap.*|fwbr.*|fwpr.*|fwln.*"'
"""The interfaces that carry what leaves the machine, each byte once."""


def _by_host(counter: str, selector: str) -> str:
    return f"sum by (instance) (rate({counter}{{{selector}}}[$__rate_interval]))"


PROCESSOR = Row(
    "Processor and memory",
    (
        Panel(
            "Processor",
            "Share of all cores that is busy, mean of 5 minutes.",
            units.PercentUnit,
            (Query("instance:node_cpu_busy:ratio_rate5m", HOST),),
            maximum=1,
        ),
        Panel(
            "Load",
            "Processes that run or want to, mean of 5 minutes. More than there are cores means "
            "that they wait for each other.",
            units.Short,
            (Query("node_load5", HOST),),
        ),
        Panel(
            "Memory used",
            "Share of main memory that programs could not have.",
            units.PercentUnit,
            (Query("instance:node_memory_used:ratio", HOST),),
            limits=limits(units.PercentUnit, "node_exporter", "MemoryLow", complement=True),
            maximum=1,
        ),
    ),
)

DISK = Row(
    "Disks",
    (
        Panel(
            "File systems",
            "Used share of each file system that can be written to.",
            units.PercentUnit,
            (Query("instance_device:node_filesystem_used:ratio", "{{instance}} {{device}}"),),
            limits=limits(
                *(units.PercentUnit, "node_exporter", "DiskAlmostFull", "DiskFull"), complement=True
            ),
            maximum=1,
        ),
        Panel(
            "Read and written",
            "Bytes each second from and to the disks.",
            units.BytesPerSecondIEC,
            (
                Query(_by_host("node_disk_read_bytes_total", DISKS), f"{HOST} read"),
                Query(_by_host("node_disk_written_bytes_total", DISKS), f"{HOST} written"),
            ),
        ),
        Panel(
            "Busy disks",
            "Share of time in which a disk had something to do. Near 100 % it is what others wait "
            "for.",
            units.PercentUnit,
            (
                Query(
                    "max by (instance, device) "
                    f"(rate(node_disk_io_time_seconds_total{{{DISKS}}}[$__rate_interval]))",
                    "{{instance}} {{device}}",
                ),
            ),
            maximum=1,
        ),
    ),
)

NETWORK = Row(
    "Network and clock",
    (
        Panel(
            "Received and sent",
            "Bytes each second through the network interfaces.",
            units.BytesPerSecondIEC,
            (
                Query(_by_host("node_network_receive_bytes_total", CARDS), f"{HOST} received"),
                Query(_by_host("node_network_transmit_bytes_total", CARDS), f"{HOST} sent"),
            ),
        ),
        Panel(
            "Network errors",
            "Packets each second that came or left broken. A cable or a plug, if it does not stay "
            "at zero.",
            EVENTS_PER_SECOND,
            (
                Query(_by_host("node_network_receive_errs_total", CARDS), f"{HOST} received"),
                Query(_by_host("node_network_transmit_errs_total", CARDS), f"{HOST} sent"),
            ),
        ),
        Panel(
            "Clock",
            "How far the kernel thinks its clock is from that of its time server.",
            units.Seconds,
            (Query("node_timex_offset_seconds", HOST),),
        ),
    ),
)

HEALTH = Row(
    "Health",
    (
        Panel(
            "Failed units",
            "Units of systemd that have failed; `systemctl --failed` on the host names them.",
            units.Short,
            (
                Query(
                    'sum by (instance) (node_systemd_units{state="failed"})',
                    HOST,
                ),
            ),
            kind="bars",
        ),
        Panel(
            "Running for",
            "Time since the machine was started.",
            units.Seconds,
            (Query("time() - node_boot_time_seconds", HOST),),
            kind="bars",
        ),
        Panel(
            "Clock against Prometheus",
            "How far a machine's clock was from that of Prometheus when it was last asked. TLS and "
            "the order of logs depend on it.",
            units.Seconds,
            (Query("abs(node_time_seconds - timestamp(node_time_seconds))", HOST),),
            limits=limits(units.Seconds, "node_exporter", "ClockSkew"),
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="hosts",
    title="Hosts",
    description="Processor, memory, disks, network and clock of every machine.",
    rows=(PROCESSOR, DISK, NETWORK, HEALTH),
    roles=("node_exporter",),
)
