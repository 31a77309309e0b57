"""Inference: how fast the model servers answer, and what they are short of."""

from __future__ import annotations

from grafana_foundation_sdk.models import units

from dashboards.alert_limits import limits
from dashboards.panels import Dashboard, Panel, Query, Row
from dashboards.units import EVENTS_PER_SECOND, TOKENS_PER_SECOND


def _p50_p95(of: str) -> tuple[Query, Query]:
    """Half and 95 % of the requests to vLLM are at most so slow, as the rules record it."""
    return (
        Query(f"instance:vllm_{of}:p95_rate5m", "P95, {{instance}}"),
        Query(f"instance:vllm_{of}:p50_rate5m", "P50, {{instance}}"),
    )


def _per_success(microseconds: str) -> str:
    """The mean of one of Triton's sums, in seconds."""
    return (
        f"sum by (model) (rate({microseconds}[5m])) "
        "/ sum by (model) (rate(nv_inference_request_success[5m])) / 1e6"
    )


VLLM_SPEED = Row(
    "vLLM: what its users feel",
    (
        Panel(
            "First token",
            "Time from the arrival of a request to its first token, queue included. P95: one "
            "request in 20 waits longer.",
            units.Seconds,
            _p50_p95("time_to_first_token_seconds"),
            limits=limits(units.Seconds, "vllm", "VllmFirstTokenLate"),
        ),
        Panel(
            "Between tokens",
            "Time between one token and the next of the same answer.",
            units.Seconds,
            _p50_p95("inter_token_latency_seconds"),
        ),
        Panel(
            "Whole answer",
            "Time from the arrival of a request to its last token.",
            units.Seconds,
            _p50_p95("e2e_request_latency_seconds"),
            limits=limits(units.Seconds, "vllm", "VllmAnswersSlow"),
        ),
    ),
)

VLLM_LOAD = Row(
    "vLLM: what it does",
    (
        Panel(
            "Throughput",
            "Tokens read and written each second by all requests together, mean of 5 minutes.",
            TOKENS_PER_SECOND,
            (
                Query("instance:vllm_generation_tokens:rate5m", "written, {{instance}}"),
                Query("instance:vllm_prompt_tokens:rate5m", "read, {{instance}}"),
            ),
        ),
        Panel(
            "Requests at once",
            "Requests that are being answered, and those that wait: cache or batch are full.",
            units.Short,
            (
                Query("sum by (instance) (vllm:num_requests_running)", "running, {{instance}}"),
                Query("sum by (instance) (vllm:num_requests_waiting)", "waiting, {{instance}}"),
            ),
        ),
        Panel(
            "KV cache",
            "Share of the cache that running requests hold. Full means that requests wait or are "
            "begun again.",
            units.PercentUnit,
            (Query("max by (instance) (vllm:kv_cache_usage_perc)", "{{instance}}"),),
            limits=limits(units.PercentUnit, "vllm", "VllmCacheFull"),
            maximum=1,
        ),
        Panel(
            "Prefix hits",
            "Share of prompt tokens that were found in the cache and did not have to be computed.",
            units.PercentUnit,
            (
                Query(
                    "sum by (instance) (rate(vllm:prefix_cache_hits_total[$__rate_interval])) "
                    "/ sum by (instance) (rate(vllm:prefix_cache_queries_total[$__rate_interval]))",
                    "{{instance}}",
                ),
            ),
            maximum=1,
        ),
        Panel(
            "Preemptions",
            "Requests each second that were thrown out of the full cache, to begin again later.",
            EVENTS_PER_SECOND,
            (
                Query(
                    "sum by (instance) (rate(vllm:num_preemptions_total[$__rate_interval]))",
                    "{{instance}}",
                ),
            ),
        ),
        Panel(
            "Answers by reason",
            "Requests each second that ended: by themselves (stop), by their limit of tokens "
            "(length), or otherwise.",
            units.RequestsPerSecond,
            (
                Query(
                    "sum by (finished_reason) (rate(vllm:request_success_total[$__rate_interval]))",
                    "{{finished_reason}}",
                ),
            ),
            stacked=True,
        ),
    ),
)

LLAMA = Row(
    "llama.cpp, embeddings and edge",
    (
        Panel(
            "Tokens of llama.cpp",
            "Tokens read and written each second by llama.cpp and on the Jetson, and read by "
            "embeddings, mean of 5 minutes.",
            TOKENS_PER_SECOND,
            (
                Query("instance:llama_cpp_generation_tokens:rate5m", "llama.cpp written"),
                Query("instance:llama_cpp_prompt_tokens:rate5m", "llama.cpp read"),
                Query("instance:embeddings_prompt_tokens:rate5m", "embeddings read"),
                Query("instance:edge_generation_tokens:rate5m", "edge written"),
                Query("instance:edge_prompt_tokens:rate5m", "edge read"),
            ),
            width=6,
        ),
        Panel(
            "Time for each token",
            "Mean time that llama.cpp takes for a token of one answer, on the server and on the "
            "Jetson. It has no histograms.",
            units.Seconds,
            (
                Query(
                    'rate(llamacpp:tokens_predicted_seconds_total{job=~"llama_cpp|edge"}[5m]) '
                    '/ rate(llamacpp:tokens_predicted_total{job=~"llama_cpp|edge"}[5m])',
                    "written, {{instance}}",
                ),
                Query(
                    'rate(llamacpp:prompt_seconds_total{job=~"llama_cpp|edge"}[5m]) '
                    '/ rate(llamacpp:prompt_tokens_total{job=~"llama_cpp|edge"}[5m])',
                    "read, {{instance}}",
                ),
            ),
            width=6,
        ),
        Panel(
            "Requests of llama.cpp at once",
            "Requests in a slot, and those deferred because every slot is taken.",
            units.Short,
            (
                Query("llamacpp:requests_processing", "{{job}} in a slot"),
                Query("llamacpp:requests_deferred", "{{job}} deferred"),
            ),
            width=6,
        ),
        Panel(
            "Prompt tokens from the cache",
            "Share of prompt tokens that llama.cpp took from an earlier request with the same "
            "beginning.",
            units.PercentUnit,
            (
                Query(
                    'rate(llamacpp:prompt_tokens_cached_total{job=~"llama_cpp|edge"}[5m]) '
                    '/ (rate(llamacpp:prompt_tokens_cached_total{job=~"llama_cpp|edge"}[5m]) '
                    '+ rate(llamacpp:prompt_tokens_total{job=~"llama_cpp|edge"}[5m]))',
                    "{{instance}}",
                ),
            ),
            maximum=1,
            width=6,
        ),
    ),
)

TRITON = Row(
    "Triton",
    (
        Panel(
            "Inferences",
            "Requests each second by model, answered and failed.",
            units.RequestsPerSecond,
            (
                Query(
                    "sum by (model) (rate(nv_inference_request_success[$__rate_interval]))",
                    "{{model}} answered",
                ),
                Query(
                    "sum by (model) (rate(nv_inference_request_failure[$__rate_interval]))",
                    "{{model}} failed",
                ),
            ),
        ),
        Panel(
            "Time for a request",
            "Mean time of a request, and the part of it that it waited. Triton keeps sums only, in "
            "microseconds.",
            units.Seconds,
            (
                Query(_per_success("nv_inference_request_duration_us"), "{{model}} whole"),
                Query(_per_success("nv_inference_queue_duration_us"), "{{model}} waiting"),
            ),
        ),
        Panel(
            "Waiting requests",
            "Requests that wait for an instance of their model.",
            units.Short,
            (Query("sum by (model) (nv_inference_pending_request_count)", "{{model}}"),),
            limits=limits(units.Short, "triton", "TritonQueues"),
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="inference",
    title="Inference",
    description="Speed, queues and caches of vLLM, llama.cpp, embeddings, edge and Triton.",
    rows=(VLLM_SPEED, VLLM_LOAD, LLAMA, TRITON),
)
