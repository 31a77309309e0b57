"""Engine: requests in parallel, one token after another, and what the metrics tell of them."""

from __future__ import annotations

import random
import string
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from .metrics import Metrics
from .startup import BLOCK_TOKENS, Served

PREFILL_SECONDS = 0.02
TOKEN_SECONDS = 0.01
"""One stream of an 8B model on the card makes about 100 tokens a second (facts.md, section 7)."""
OWN_ACCORD = 64
"""Tokens after which an answer ends that nobody limited."""
LETTERS = string.ascii_lowercase + " "


@dataclass(frozen=True)
class Request:
    """A prompt in tokens (bytes, as the tokenizer of the model has them), and how much to say."""

    prompt: bytes
    max_tokens: int | None = None

    @property
    def tokens(self) -> int:
        return self.max_tokens or OWN_ACCORD

    @property
    def end(self) -> str:
        return "length" if self.max_tokens else "stop"


class Engine:
    """The one engine of a server: `max_sequences` requests at once, others wait."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.metrics = Metrics(served.name)
        self.running = threading.Event()
        self.running.set()
        self._slots = threading.BoundedSemaphore(served.max_sequences)
        self._cached: set[int] = set()
        self._cached_lock = threading.Lock()
        self.metrics.set("engine_sleep_state", 1, "awake")
        self.metrics.describe("cache_config_info", self._cache())

    def _cache(self) -> dict[str, str]:
        tokens, context = self.served.cache_tokens, self.served.context_tokens
        return {
            "block_size": str(BLOCK_TOKENS),
            "kv_cache_max_concurrency": str(tokens / context),
            "kv_cache_size_tokens": str(tokens),
            "num_gpu_blocks": str(tokens // BLOCK_TOKENS),
        }

    def generate(self, request: Request) -> Iterator[str]:
        """The tokens of an answer, each when it is made; one ended early is counted nowhere."""
        arrived = time.monotonic()
        finished, made = False, 0
        self._wait()
        started = time.monotonic()
        try:
            for token in self._tokens(request, arrived):
                made += 1
                yield token
            finished = True
        finally:
            self._slots.release()
            self.metrics.add("num_requests_running", -1)
            self.metrics.add("kv_cache_usage_perc", -self._share(request))
            if finished:
                self.metrics.add("request_success", which=request.end)
                self._times(request, made, (arrived, started, time.monotonic()))

    def _wait(self) -> None:
        for name, which in (
            ("num_requests_waiting", ""),
            ("num_requests_waiting_by_reason", "capacity"),
        ):
            self.metrics.add(name, 1, which)
        self.running.wait()
        self._slots.acquire()
        for name, which in (
            ("num_requests_waiting", ""),
            ("num_requests_waiting_by_reason", "capacity"),
        ):
            self.metrics.add(name, -1, which)

    def _tokens(self, request: Request, arrived: float) -> Iterator[str]:
        self.metrics.add("num_requests_running")
        self.metrics.add("kv_cache_usage_perc", self._share(request))
        computed = self._prefill(request)
        letters = random.Random(request.prompt)
        before = arrived
        for number in range(request.tokens):
            time.sleep(TOKEN_SECONDS)
            now = time.monotonic()
            name = "inter_token_latency_seconds" if number else "time_to_first_token_seconds"
            self.metrics.observe(name, now - before)
            self.metrics.add("generation_tokens")
            # The step that computes the prompt makes the first token too.
            self.metrics.observe("iteration_tokens_total", 1 if number else computed + 1)
            before = now
            yield letters.choice(LETTERS)

    def _prefill(self, request: Request) -> int:
        """How many tokens of the prompt no earlier one had left in the cache."""
        time.sleep(PREFILL_SECONDS)
        size, known = len(request.prompt), self._known(request.prompt)
        self.metrics.add("prompt_tokens", size)
        self.metrics.add("prompt_tokens_cached", known)
        self.metrics.add("prompt_tokens_by_source", size - known, "local_compute")
        self.metrics.add("prompt_tokens_by_source", known, "local_cache_hit")
        self.metrics.add("prompt_tokens_cached_by_source", known, "device")
        self.metrics.add("prefix_cache_queries", size)
        self.metrics.add("prefix_cache_hits", known)
        self.metrics.observe("request_prefill_kv_computed_tokens", size - known)
        return size - known

    def _known(self, prompt: bytes) -> int:
        """Tokens of whole blocks that an earlier prompt began with too; now all are known."""
        ends = range(BLOCK_TOKENS, len(prompt), BLOCK_TOKENS)
        blocks = [hash(prompt[:end]) for end in ends]
        with self._cached_lock:
            hits = next(
                (n for n, block in enumerate(blocks) if block not in self._cached), len(blocks)
            )
            self._cached.update(blocks)
        return hits * BLOCK_TOKENS

    def _share(self, request: Request) -> float:
        return (len(request.prompt) + request.tokens) / self.served.cache_tokens

    def _times(self, request: Request, made: int, times: tuple[float, float, float]) -> None:
        arrived, started, ended = times
        inference = ended - started
        seconds = {
            "e2e_request_latency_seconds": ended - arrived,
            "request_queue_time_seconds": started - arrived,
            "request_inference_time_seconds": inference,
            "request_prefill_time_seconds": min(PREFILL_SECONDS, inference),
            "request_decode_time_seconds": max(inference - PREFILL_SECONDS, 0),
            "request_time_per_output_token_seconds": inference / max(made, 1),
        }
        counts = {
            "request_prompt_tokens": len(request.prompt),
            "request_generation_tokens": made,
            "request_max_num_generation_tokens": request.tokens,
            "request_params_max_tokens": request.tokens,
            "request_params_n": 1,
            "request_num_preemptions": 0,
        }
        for name, value in {**seconds, **counts}.items():
            self.metrics.observe(name, value)
