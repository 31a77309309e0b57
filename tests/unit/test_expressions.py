"""Expressions: what a query yields is derived by rules, and nonsense is refused with its reason."""

from __future__ import annotations

import pytest

from dashboards import alert_limits, expressions, rule_files
from dashboards.alert_limits import AlertError, limits
from dashboards.expressions import UnitError
from dashboards.metrics import METRICS, stated_unit
from dashboards.panels import Limits
from dashboards.units import (
    BYTE,
    CELSIUS,
    DAY,
    HERTZ,
    ITEM,
    MEBIBYTE,
    PERCENT,
    RATIO,
    REQUEST,
    SECOND,
    TOKEN,
    WATT,
    Unit,
)

TTFT = "vllm:time_to_first_token_seconds"
LATENCY = "nv_inference_request_duration_us"
RECORDED = {"instance:busy:ratio": 'rate(node_cpu_seconds_total{mode="idle"}[5m])'}

YIELDS: list[tuple[str, Unit]] = [
    ("DCGM_FI_DEV_GPU_TEMP", CELSIUS),
    ("DCGM_FI_DEV_FB_USED", MEBIBYTE),
    ("DCGM_FI_DEV_FB_USED * 1024 * 1024", BYTE),
    ("DCGM_FI_DEV_FB_USED / 1024", BYTE.scaled(2**30)),
    ("DCGM_FI_DEV_FB_USED / (DCGM_FI_DEV_FB_USED + DCGM_FI_DEV_FB_FREE)", RATIO),
    ("100 * DCGM_FI_DEV_FB_USED / (DCGM_FI_DEV_FB_USED + DCGM_FI_DEV_FB_FREE)", PERCENT),
    ("DCGM_FI_DEV_GPU_UTIL / 100", RATIO),
    ("DCGM_FI_DEV_SM_CLOCK * 1e6", HERTZ),
    ("rate(DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION[5m]) / 1000", WATT),
    ("sum(rate(vllm:generation_tokens_total[1m]))", TOKEN / SECOND),
    (f"histogram_quantile(0.95, sum by (le) (rate({TTFT}_bucket[5m])))", SECOND),
    (f"rate({TTFT}_sum[5m]) / rate({TTFT}_count[5m])", SECOND),
    (f"rate({LATENCY}[5m]) / rate(nv_inference_request_success[5m]) / 1e6", SECOND),
    ("rate(node_cpu_seconds_total[$__rate_interval])", RATIO),
    ("1 - instance:busy:ratio", RATIO),
    ("(min(probe_ssl_earliest_cert_expiry) - time()) / 86400", DAY),
    ("sum(up) or vector(0)", ITEM),
    ("count(node_memory_MemTotal_bytes)", ITEM),
    ("increase(vllm:num_preemptions_total[5m]) > 0", ITEM),
    ("vllm:num_requests_waiting and on (instance) up == 1", REQUEST),
]

REFUSALS = [
    ("rate(DCGM_FI_DEV_GPU_TEMP[5m])", "rate() of DCGM_FI_DEV_GPU_TEMP, which is no counter"),
    ("DCGM_FI_DEV_GPU_TEMPERATURE", "DCGM_FI_DEV_GPU_TEMPERATURE is not in dashboards/metrics.py"),
    ("DCGM_FI_DEV_FB_USED + DCGM_FI_DEV_GPU_TEMP", "brings 1.04858e+06 byte and celsius together"),
    ("vllm:num_requests_running > node_memory_MemFree_bytes", "node_memory_MemFree_bytes is not"),
    (
        f"histogram_quantile(0.5, sum by (instance) (rate({TTFT}_bucket[5m])))",
        "adds the buckets up without `by (le)`",
    ),
    ("histogram_quantile(0.5, rate(node_cpu_seconds_total[5m]))", "has no buckets to take"),
    ("exp(DCGM_FI_DEV_GPU_TEMP)", "exp() has no rule in dashboards/expressions.py"),
    ("DCGM_FI_DEV_GPU_TEMP ^ 2", "the operator ^ has no rule in dashboards/expressions.py"),
]


@pytest.mark.parametrize(("query", "unit"), YIELDS)
def test_a_query_yields_its_unit(query: str, unit: Unit) -> None:
    found = expressions.unit_of(query, RECORDED)
    assert found.is_same(unit), f"{found} instead of {unit}"


@pytest.mark.parametrize(("query", "reason"), REFUSALS)
def test_what_has_no_unit_is_refused_with_the_reason(query: str, reason: str) -> None:
    with pytest.raises(UnitError) as refused:
        expressions.unit_of(query, RECORDED)
    assert reason in str(refused.value)


def test_mebibytes_are_not_bytes_and_percent_no_ratio() -> None:
    assert not MEBIBYTE.is_same(BYTE)
    assert not PERCENT.is_same(RATIO)
    assert not (TOKEN / SECOND).is_same(TOKEN)


def test_what_is_no_promql_is_refused() -> None:
    with pytest.raises(ValueError):
        expressions.parsed("sum by (instance (up)")


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("sum(up) / count(up)", {"up"}),
        ("a / on (instance) group_left max(rate(b[5m]) or c)", {"a", "b", "c"}),
        ("max_over_time((-d)[5m:1m])", {"d"}),
    ],
)
def test_all_names_of_a_query_are_found(query: str, asked: set[str]) -> None:
    assert expressions.names(query) == asked


def test_a_selector_without_a_name_is_refused() -> None:
    with pytest.raises(UnitError, match="a selector without the name of a metric"):
        expressions.names('{job="node"}')


@pytest.mark.parametrize(
    ("name", "help_text", "unit"),
    [
        ("DCGM_FI_DEV_FB_USED", "Framebuffer memory used (in MiB).", MEBIBYTE),
        ("DCGM_FI_DEV_GPU_UTIL", "GPU utilization (in %).", PERCENT),
        ("node_memory_MemTotal_bytes", "", BYTE),
        ("llamacpp:predicted_tokens_seconds", "throughput in tokens/s", TOKEN / SECOND),
        ("node_load1", "1m load average.", None),
    ],
)
def test_a_server_states_units_by_name_and_help(
    name: str, help_text: str, unit: Unit | None
) -> None:
    assert stated_unit(name, help_text) == unit


@pytest.mark.parametrize("name", METRICS)
def test_the_table_agrees_with_what_names_state(name: str) -> None:
    stated = stated_unit(name, "tokens/s" if name.endswith("_tokens_seconds") else "")
    assert stated is None or stated.is_same(METRICS[name].unit)


def _alerts(monkeypatch: pytest.MonkeyPatch, **exprs: str) -> None:
    severities = ("warning", "critical")
    rules = [
        {"alert": name, "expr": expr, "labels": {"severity": severity}}
        for (name, expr), severity in zip(exprs.items(), severities, strict=False)
    ]
    monkeypatch.setattr(
        rule_files, "of_kind", lambda kind: {"role": rules} if kind == "rules" else {}
    )


def test_limits_are_those_of_the_alerts_in_the_unit_of_the_panel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    percent = "100 * vllm:kv_cache_usage_perc > {}"
    _alerts(monkeypatch, Full=percent.format(90), Fuller=percent.format(95))
    assert limits("percentunit", "role", "Full", "Fuller") == Limits(0.9, 0.95)


def test_an_alert_on_what_is_left_limits_what_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    left = "100 * node_filesystem_avail_bytes / node_filesystem_size_bytes < 10 and up == 1"
    _alerts(monkeypatch, Full=left)
    assert limits("percentunit", "role", "Full", complement=True) == Limits(warning=0.9)


def test_an_alert_on_too_little_limits_from_below(monkeypatch: pytest.MonkeyPatch) -> None:
    days = "(probe_ssl_earliest_cert_expiry - time()) / 86400 < {}"
    _alerts(monkeypatch, Soon=days.format(21), Now=days.format(3))
    assert limits("d", "role", "Soon", "Now") == Limits(21, 3, below=True)


def test_an_alert_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _alerts(monkeypatch, Full="up == 0")
    expected = "files/prometheus/rules/role.yaml has no alert Empty; a panel shows it"
    with pytest.raises(AlertError, match=expected):
        limits("percentunit", "role", "Empty")


def test_an_alert_without_a_number_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _alerts(monkeypatch, Full="up unless up offset 1h")
    with pytest.raises(AlertError, match="Full compares with no number; a panel cannot show it"):
        alert_limits.limits("short", "role", "Full")
