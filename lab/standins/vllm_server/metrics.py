"""Metrics: samples under the recorded names, in the text format of Prometheus.

The kind of each follows from the recorded suffixes. Buckets and labels are those of
vllm/v1/metrics/loggers.py.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

RECORDED = Path(__file__).parent.parent / "vllm"
PREFIX = "vllm:"
LATENCY = (
    *(0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0),
    *(120.0, 240.0, 480.0, 960.0, 1920.0, 7680.0),
)
FIRST_TOKEN = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5),
    *(10.0, 20.0, 40.0, 80.0, 160.0, 640.0, 2560.0),
)
PER_TOKEN = (
    *(0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5),
    *(10.0, 20.0, 40.0, 80.0),
)
COUNTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)
BUCKETS: Mapping[str, tuple[float, ...]] = {
    "time_to_first_token_seconds": FIRST_TOKEN,
    "inter_token_latency_seconds": PER_TOKEN,
    "request_time_per_output_token_seconds": PER_TOKEN,
    "iteration_tokens_total": (1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384),
    "request_params_n": (1, 2, 5, 10, 20),
    "request_num_preemptions": (1, 2, 3, 4, 5, 10, 20),
}
SPLIT: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "request_success": ("finished_reason", ("stop", "length", "abort", "error", "repetition")),
    "num_requests_waiting_by_reason": ("reason", ("capacity", "deferred")),
    "engine_sleep_state": ("sleep_state", ("awake", "weights_offloaded", "discard_all")),
    "prompt_tokens_by_source": (
        "source",
        ("local_compute", "local_cache_hit", "external_kv_transfer"),
    ),
    "prompt_tokens_cached_by_source": (
        "source",
        ("device", "host", "p2p", "disk", "external_unspecified"),
    ),
    "admission_rejections": ("reason", ("max_num_queued_reqs", "max_num_queued_tokens")),
}
"""Families whose samples differ by one more label: its name, and its values."""
OF_THE_SERVER = frozenset({"admission_rejections"})
"""Families of the whole server, without the label of an engine."""
CACHE_LABELS = (
    *("_block_size_resolved", "block_size", "cache_dtype", "cache_hit_alignment_tokens"),
    *("effective_attention_block_size", "enable_mamba_shared_prefix_checkpoint"),
    *("enable_prefix_caching", "gpu_memory_utilization", "hash_block_size", "is_attention_free"),
    *("kv_cache_dtype_skip_layers", "kv_cache_layout", "kv_cache_max_concurrency"),
    *("kv_cache_memory_bytes", "kv_cache_size_tokens", "kv_offloading_backend"),
    *("kv_offloading_size", "kv_sharing_fast_prefill", "mamba_block_size", "mamba_cache_dtype"),
    *("mamba_cache_mode", "mamba_page_size_padded", "mamba_ssm_cache_dtype", "num_cpu_blocks"),
    *("num_gpu_blocks", "num_gpu_blocks_override", "prefix_cache_retention_interval"),
    *("prefix_caching_hash_algo", "prefix_match_unit", "replayssm_buffer_len"),
    *("skip_page_size_padded", "sliding_window", "swa_bounded_replay", "use_kda_recoverssm"),
    *("use_replayssm", "user_specified_block_size"),
)
"""The settings that the one sample of cache_config_info has as labels, beside the engine."""


@dataclass
class Family:
    """All samples of one name."""

    name: str
    kind: str
    values: dict[str, float] = field(default_factory=dict)
    buckets: tuple[float, ...] = ()
    counts: list[int] = field(default_factory=list)
    described: dict[str, str] = field(default_factory=dict)


class Metrics:
    """The numbers of one engine and model; every method may be called from any thread."""

    def __init__(self, model: str) -> None:
        self._labels = {"engine": "0", "model_name": model}
        self._lock = threading.Lock()
        self._created = time.time()
        self._families = {family.name: family for family in _families()}

    def add(self, name: str, amount: float = 1, which: str = "") -> None:
        """Let a counter or gauge grow by `amount`; KeyError for a name that is not recorded."""
        with self._lock:
            values = self._families[name].values
            values[which] = values.get(which, 0.0) + amount

    def set(self, name: str, value: float, which: str = "") -> None:
        with self._lock:
            self._families[name].values[which] = value

    def describe(self, name: str, labels: Mapping[str, str]) -> None:
        """Give the one sample of a family its labels, those without a value `None`."""
        with self._lock:
            family = self._families[name]
            family.described = {label: labels.get(label, "None") for label in CACHE_LABELS}
            family.values[""] = 1.0

    def observe(self, name: str, value: float) -> None:
        """Put one value into a histogram."""
        with self._lock:
            family = self._families[name]
            family.counts[bisect_left(family.buckets, value)] += 1
            family.values["sum"] = family.values.get("sum", 0.0) + value

    def text(self) -> str:
        """What /metrics answers."""
        with self._lock:
            return "".join(
                f"{line}\n" for family in self._families.values() for line in self._lines(family)
            )

    def _lines(self, family: Family) -> Iterator[str]:
        full = f"{PREFIX}{family.name}"
        own = self._labels_of(family)
        if family.kind == "histogram":
            yield f"# TYPE {full} histogram"
            yield from self._histogram(full, family)
        else:
            sample = f"{full}_total" if family.kind == "counter" else full
            yield f"# TYPE {sample} {family.kind}"
            yield from (_sample(sample, value, own | more) for more, value in _split(family))
        if family.kind != "gauge":
            yield f"# TYPE {full}_created gauge"
            yield from (
                _sample(f"{full}_created", self._created, own | more) for more, _ in _split(family)
            )

    def _labels_of(self, family: Family) -> dict[str, str]:
        if family.described:
            return {"engine": self._labels["engine"], **family.described}
        if family.name in OF_THE_SERVER:
            return {"model_name": self._labels["model_name"]}
        return self._labels

    def _histogram(self, full: str, family: Family) -> Iterator[str]:
        total = 0
        for bound, count in zip((*family.buckets, float("inf")), family.counts, strict=True):
            total += count
            le = "+Inf" if bound == float("inf") else str(float(bound))
            yield _sample(f"{full}_bucket", total, self._labels | {"le": le})
        yield _sample(f"{full}_count", total, self._labels)
        yield _sample(f"{full}_sum", family.values.get("sum", 0.0), self._labels)


def _sample(name: str, value: float, labels: Mapping[str, str]) -> str:
    written = ",".join(f'{key}="{text}"' for key, text in sorted(labels.items()))
    return f"{name}{{{written}}} {float(value)}"


def _split(family: Family) -> list[tuple[dict[str, str], float]]:
    """The further labels of each sample, and its value."""
    if family.name not in SPLIT:
        return [({}, family.values.get("", 0.0))]
    label, values = SPLIT[family.name]
    return [({label: value}, family.values.get(value, 0.0)) for value in values]


def recorded() -> tuple[str, ...]:
    """The sample names of vLLM itself that a running server was seen to serve."""
    lines = (RECORDED / "metric-names-served-0.32.0.txt").read_text().split()
    return tuple(line for line in lines if line.startswith(PREFIX))


def _families() -> Iterator[Family]:
    names = [name.removeprefix(PREFIX) for name in recorded()]
    histograms = {name.removesuffix("_bucket") for name in names if name.endswith("_bucket")}
    parts = {f"{name}{end}" for name in histograms for end in ("_count", "_sum", "_created")}
    for name in names:
        if name.endswith("_bucket"):
            base = name.removesuffix("_bucket")
            buckets = BUCKETS.get(base, LATENCY if base.endswith("_seconds") else COUNTS)
            yield Family(base, "histogram", buckets=buckets, counts=[0] * (len(buckets) + 1))
        elif name in parts or name.endswith("_created"):
            continue
        elif name.endswith("_total"):
            yield Family(name.removesuffix("_total"), "counter")
        else:
            yield Family(name, "gauge")
