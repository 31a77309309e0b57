"""Metrics: what each one that a dashboard or a rule uses is, and where that is written.

A name that is not here may not be used. The unit is the source's own word; where the name or the
help of a running server states one too, the tests hold both against each other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from dashboards.units import (
    BYTE,
    CELSIUS,
    CODE,
    HERTZ,
    ITEM,
    MEBIBYTE,
    MEGAHERTZ,
    MICROSECOND,
    MILLIJOULE,
    PERCENT,
    RATIO,
    REQUEST,
    SECOND,
    TOKEN,
    WATT,
    Unit,
)

Kind = Literal["gauge", "counter", "histogram"]


@dataclass(frozen=True)
class Metric:
    """What a name means: its kind, the unit of its samples (of a histogram: of what it sorts)."""

    kind: Kind
    unit: Unit
    source: str


def _table(source: str, **kinds: dict[str, Unit]) -> dict[str, Metric]:
    return {
        name: Metric(_kind(kind), unit, source)
        for kind, metrics in kinds.items()
        for name, unit in metrics.items()
    }


def _kind(word: str) -> Kind:
    kinds: dict[str, Kind] = {
        "gauges": "gauge",
        "counters": "counter",
        "histograms": "histogram",
    }
    return kinds[word]


PROMETHEUS = _table(
    "prometheus docs/concepts/jobs_instances.md, docs/configuration/alerting_rules.md, own metrics",
    gauges={
        "up": ITEM,
        "scrape_duration_seconds": SECOND,
        "ALERTS": ITEM,
        "prometheus_config_last_reload_successful": ITEM,
        "prometheus_notifications_alertmanagers_discovered": ITEM,
    },
    counters={
        "prometheus_rule_evaluation_failures_total": ITEM,
        "prometheus_notifications_dropped_total": ITEM,
        "prometheus_tsdb_compactions_failed_total": ITEM,
        "prometheus_tsdb_wal_writes_failed_total": ITEM,
        "prometheus_tsdb_wal_truncations_failed_total": ITEM,
    },
)
ALERTMANAGER = _table(
    "alertmanager 0.28 notify/notify.go, cmd/alertmanager/main.go",
    gauges={"alertmanager_config_last_reload_successful": ITEM},
    counters={"alertmanager_notifications_failed_total": ITEM},
)
NODE = _table(
    "node_exporter 1.9 collector/*.go: names end in their unit, and the help says the rest",
    gauges={
        "node_memory_MemTotal_bytes": BYTE,
        "node_memory_MemAvailable_bytes": BYTE,
        "node_memory_SwapTotal_bytes": BYTE,
        "node_memory_SwapFree_bytes": BYTE,
        "node_filesystem_size_bytes": BYTE,
        "node_filesystem_avail_bytes": BYTE,
        "node_filesystem_files": ITEM,
        "node_filesystem_files_free": ITEM,
        "node_filesystem_readonly": ITEM,
        "node_filesystem_device_error": ITEM,
        "node_load1": ITEM,
        "node_load5": ITEM,
        "node_load15": ITEM,
        "node_timex_offset_seconds": SECOND,
        "node_timex_sync_status": ITEM,
        "node_timex_maxerror_seconds": SECOND,
        "node_boot_time_seconds": SECOND,
        "node_time_seconds": SECOND,
        "node_textfile_scrape_error": ITEM,
        "node_textfile_mtime_seconds": SECOND,
        "node_systemd_unit_state": ITEM,
        "node_systemd_units": ITEM,
    },
    counters={
        "node_cpu_seconds_total": SECOND,
        "node_disk_read_bytes_total": BYTE,
        "node_disk_written_bytes_total": BYTE,
        "node_disk_io_time_seconds_total": SECOND,
        "node_network_receive_bytes_total": BYTE,
        "node_network_transmit_bytes_total": BYTE,
        "node_network_receive_errs_total": ITEM,
        "node_network_transmit_errs_total": ITEM,
        "node_vmstat_oom_kill": ITEM,
    },
)
# dcgm-exporter calls a counter what its counters file says. XID is a gauge: the last one's number.
DCGM = _table(
    "dcgm-exporter 4.5.3-4.8.2 etc/default-counters.csv: the help of each line has the unit",
    gauges={
        "DCGM_FI_DEV_GPU_TEMP": CELSIUS,
        "DCGM_FI_DEV_GPU_UTIL": PERCENT,
        "DCGM_FI_DEV_MEM_COPY_UTIL": PERCENT,
        "DCGM_FI_DEV_ENC_UTIL": PERCENT,
        "DCGM_FI_DEV_DEC_UTIL": PERCENT,
        "DCGM_FI_DEV_FB_USED": MEBIBYTE,
        "DCGM_FI_DEV_FB_FREE": MEBIBYTE,
        "DCGM_FI_DEV_FB_RESERVED": MEBIBYTE,
        "DCGM_FI_DEV_POWER_USAGE": WATT,
        "DCGM_FI_DEV_SM_CLOCK": MEGAHERTZ,
        "DCGM_FI_DEV_MEM_CLOCK": MEGAHERTZ,
        "DCGM_FI_DEV_XID_ERRORS": CODE,
    },
    counters={
        "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": MILLIJOULE,
        "DCGM_FI_DEV_PCIE_REPLAY_COUNTER": ITEM,
    },
)
GUARD = _table(
    "templates/nvidia/gpu-guard.sh.j2: the guard's own text file",
    gauges={"ai_idp_gpu_driver_answers": ITEM, "ai_idp_gpu_container_lost": ITEM},
    counters={"ai_idp_gpu_container_recreated_total": ITEM},
)
CONTAINERS = _table("role docker: its own text file", gauges={"ai_idp_container_healthy": ITEM})
VLLM = _table(
    "vLLM 0.33.0 vllm/v1/metrics/loggers.py",
    gauges={
        "vllm:num_requests_running": REQUEST,
        "vllm:num_requests_waiting": REQUEST,
        "vllm:kv_cache_usage_perc": RATIO,
    },
    counters={
        "vllm:prompt_tokens_total": TOKEN,
        "vllm:generation_tokens_total": TOKEN,
        "vllm:request_success_total": REQUEST,
        "vllm:num_preemptions_total": ITEM,
        "vllm:prefix_cache_queries_total": TOKEN,
        "vllm:prefix_cache_hits_total": TOKEN,
    },
    histograms={
        "vllm:time_to_first_token_seconds": SECOND,
        "vllm:inter_token_latency_seconds": SECOND,
        "vllm:request_time_per_output_token_seconds": SECOND,
        "vllm:e2e_request_latency_seconds": SECOND,
        "vllm:request_queue_time_seconds": SECOND,
        "vllm:request_prefill_time_seconds": SECOND,
        "vllm:request_decode_time_seconds": SECOND,
    },
)
LLAMA_SERVER = _table(
    "llama.cpp tools/server/README.md, tools/server/server-context.cpp",
    gauges={
        "llamacpp:prompt_tokens_seconds": TOKEN / SECOND,
        "llamacpp:predicted_tokens_seconds": TOKEN / SECOND,
        "llamacpp:requests_processing": REQUEST,
        "llamacpp:requests_deferred": REQUEST,
        "llamacpp:n_busy_slots_per_decode": ITEM,
    },
    counters={
        "llamacpp:prompt_tokens_total": TOKEN,
        "llamacpp:prompt_tokens_cached_total": TOKEN,
        "llamacpp:prompt_seconds_total": SECOND,
        "llamacpp:tokens_predicted_total": TOKEN,
        "llamacpp:tokens_predicted_seconds_total": SECOND,
        "llamacpp:n_decode_total": ITEM,
    },
)
TRITON = _table(
    "Triton docs/user_guide/metrics.md: the help of each says microseconds",
    gauges={"nv_inference_pending_request_count": REQUEST},
    counters={
        "nv_inference_request_success": REQUEST,
        "nv_inference_request_failure": REQUEST,
        "nv_inference_count": ITEM,
        "nv_inference_exec_count": ITEM,
        "nv_inference_request_duration_us": MICROSECOND,
        "nv_inference_queue_duration_us": MICROSECOND,
        "nv_inference_compute_infer_duration_us": MICROSECOND,
    },
)
NGINX = _table(
    "role nginx: the gateway's own exporter of its access log",
    counters={"nginx_requests_total": REQUEST, "nginx_sent_bytes_total": BYTE},
    histograms={"nginx_request_seconds": SECOND},
)
VICTORIA_LOGS = _table(
    "VictoriaLogs, docs.victoriametrics.com/victorialogs/metrics",
    gauges={"vl_storage_is_read_only": ITEM},
    counters={"vl_rows_ingested_total": ITEM},
)
BLACKBOX = _table(
    "blackbox_exporter 0.26 prober/*.go",
    gauges={
        "probe_success": ITEM,
        "probe_duration_seconds": SECOND,
        "probe_ssl_earliest_cert_expiry": SECOND,
        "probe_http_status_code": CODE,
    },
)
BACKUP = _table(
    "role backup: its own text file",
    gauges={
        "ai_idp_backup_last_success_timestamp_seconds": SECOND,
        "ai_idp_backup_size_bytes": BYTE,
        "ai_idp_backup_check_last_success_timestamp_seconds": SECOND,
        "ai_idp_backup_drill_last_success_timestamp_seconds": SECOND,
    },
)
N8N = _table(
    "n8n 2.40.7 dist/metrics/prometheus, with the events of its message event bus",
    counters={"n8n_workflow_failed_total": ITEM, "n8n_workflow_started_total": ITEM},
)
COMMIT_EVENTS = _table(
    "role commit_events: its own text file",
    gauges={
        "ai_idp_commit_events_waiting": ITEM,
        "ai_idp_commit_events_untagged": ITEM,
        "ai_idp_commit_events_oldest_seconds": SECOND,
        "ai_idp_commit_events_rejected": ITEM,
        "ai_idp_commit_events_last_run_timestamp_seconds": SECOND,
    },
)
VAULT = _table(
    "role vault: its own text file",
    gauges={
        "ai_idp_vault_last_sync_timestamp_seconds": SECOND,
        "ai_idp_vault_files": ITEM,
    },
)
JETSON = _table(
    "files/jetson/jetson_metrics.py",
    gauges={
        "jetson_temperature_celsius": CELSIUS,
        "jetson_power_watts": WATT,
        "jetson_gpu_load_ratio": RATIO,
        "jetson_gpu_frequency_hertz": HERTZ,
        "jetson_power_mode_info": ITEM,
        "jetson_last_sample_timestamp_seconds": SECOND,
    },
)
UPS = _table(
    "nut_exporter README.md; files/ups/ups_metrics.py",
    gauges={
        "ai_idp_ups_client_connected": ITEM,
        "network_ups_tools_ups_status": ITEM,
        "network_ups_tools_battery_charge": PERCENT,
        "network_ups_tools_battery_runtime": SECOND,
        "network_ups_tools_ups_load": PERCENT,
    },
)

METRICS: dict[str, Metric] = (
    PROMETHEUS
    | ALERTMANAGER
    | NODE
    | DCGM
    | GUARD
    | CONTAINERS
    | VLLM
    | LLAMA_SERVER
    | TRITON
    | NGINX
    | VICTORIA_LOGS
    | BLACKBOX
    | BACKUP
    | N8N
    | COMMIT_EVENTS
    | VAULT
    | JETSON
    | UPS
)

_NAMED = {
    "seconds": SECOND,
    "bytes": BYTE,
    "celsius": CELSIUS,
    "watts": WATT,
    "ratio": RATIO,
    "us": MICROSECOND,
    "tokens": TOKEN,
}
_HELPED = {
    "in C": CELSIUS,
    "in W": WATT,
    "in MiB": MEBIBYTE,
    "in MHz": MEGAHERTZ,
    "in %": PERCENT,
    "in mJ": MILLIJOULE,
    "microseconds": MICROSECOND,
}


def stated_unit(name: str, help_text: str) -> Unit | None:
    """The unit that a metric's own name or help states; None where neither does."""
    for words, unit in _HELPED.items():
        if re.search(rf"\b{re.escape(words)}(?!\w)", help_text):
            return unit
    # llama.cpp means tokens per second by `..._tokens_seconds`, and says so in its help.
    if "tokens/s" in help_text:
        return TOKEN / SECOND
    parts = name.removesuffix("_total").rpartition("_")
    return _NAMED.get(parts[2])
