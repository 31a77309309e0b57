"""Questions: what every server of vLLM's API is asked, and its answers as comparable values."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from lab.real_vllm import metrics, shapes
from lab.real_vllm.client import Server, ask, hang_up

Answers = dict[str, Any]
Question = Callable[[Server], Any]
CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
READ = (
    *("/health", "/ping", "/version", "/load", "/metrics", "/v1/models", "/v1/models/", "/v1"),
    *("/docs", "/redoc", "/openapi.json", "/", "/kv_event_sources", "/server_info", "/is_paused"),
    *("/is_sleeping", "/tokenizer_info", "/nothing", "/v1/nothing", "/v1nothing", "/%76%31/models"),
)
SENT = (
    *("/ping", "/tokenize", "/detokenize", "/invocations", "/inference/v1/generate"),
    *("/pause", "/resume", "/abort_requests", "/scale_elastic_ep", "/is_scaling_elastic_ep"),
    *("/update_weights", "/init_weight_transfer_engine", "/pooling", "/classify", "/score"),
    *("/rerank", "/v1/rerank", "/v2/rerank", "/v1/score", "/v1/embeddings", "/v2/embed"),
    *("/v1/responses", "/v1/messages", "/v1/messages/count_tokens", "/cohere/v2/chat"),
    *("/v1/audio/transcriptions", "/v1/load_lora_adapter", "/sleep", "/wake_up"),
    *("/collective_rpc", "/reset_prefix_cache", "/start_profile", "/fault_tolerance/apply"),
    *("/generative_scoring", "/health", "/metrics", "/v1/models", CHAT, COMPLETIONS),
    *(f"{CHAT}/render", f"{COMPLETIONS}/render", f"{CHAT}/batch", "/v1/systemone"),
)
SUCCESS = "vllm:request_success_total"
SETTLED_SECONDS = 30.0


def ask_all(server: Server) -> Answers:
    """Every question to one server, in the same order each time."""
    return {name: question(server) for name, question in _questions().items()}


def _questions() -> dict[str, Question]:
    return {
        **_accesses(),
        **_bodies(),
        "metrics of four requests": _traffic,
        "metrics of a client that hangs up": _hanging_up,
        "metric types": lambda server: metrics.types(_scraped(server)),
        "metric labels": lambda server: metrics.labels(_scraped(server)),
    }


def _scraped(server: Server) -> str:
    return ask(server, "GET", "/metrics").text


def _accesses() -> dict[str, Question]:
    """Per path the status without a key, with a wrong one, with the right one."""
    asked = [("GET", path) for path in READ] + [("POST", path) for path in SENT]
    return {f"{method} {path}": _access(method, path) for method, path in asked}


def _access(method: str, path: str) -> Question:
    def question(server: Server) -> dict[str, int]:
        body: object = {} if method == "POST" else None
        return {
            who: ask(server, method, path, body, headers).status
            for who, headers in _callers(server).items()
        }

    return question


def _callers(server: Server) -> Mapping[str, Mapping[str, str]]:
    return {
        "no key": {},
        "wrong key": {"Authorization": "Bearer wrong"},
        "key": server.bearer,
    }


def _bodies() -> dict[str, Question]:
    said = [{"role": "user", "content": "hello"}]
    hello = {"messages": said, "max_tokens": 8}
    system = [{"role": "system", "content": "Be brief."}, *said]
    prompt = {"prompt": "the lab", "max_tokens": 6}
    usage = {"stream": True, "stream_options": {"include_usage": True}}
    return {
        "no key": _reply(CHAT, hello, headers={}),
        "key in X-Api-Key": lambda it: _asked(it, CHAT, hello, {"X-Api-Key": it.key}),
        "key as Basic": lambda it: _asked(it, CHAT, hello, {"Authorization": f"Basic {it.key}"}),
        "key as bearer in small letters": lambda it: _asked(
            it, CHAT, hello, {"Authorization": f"bearer {it.key}"}
        ),
        "OPTIONS without key": lambda it: shapes.reply(ask(it, "OPTIONS", CHAT)),
        "models": lambda it: shapes.reply(ask(it, "GET", "/v1/models", headers=it.bearer)),
        "version": lambda it: shapes.reply(ask(it, "GET", "/version")),
        "load": lambda it: shapes.reply(ask(it, "GET", "/load")),
        "health": lambda it: shapes.reply(ask(it, "GET", "/health")),
        "metrics content type": lambda it: ask(it, "GET", "/metrics").kind,
        "unknown path": lambda it: shapes.reply(ask(it, "GET", "/nothing")),
        "chat": _reply(CHAT, hello),
        "chat with a system message": _reply(CHAT, {**hello, "messages": system}),
        "chat with max_completion_tokens": _reply(
            CHAT, {"messages": said, "max_completion_tokens": 3}
        ),
        "chat without model": lambda it: _asked(it, CHAT, hello, named=False),
        "chat, streamed": _reply(CHAT, {**hello, "stream": True}),
        "chat, streamed with usage": _reply(CHAT, {**hello, **usage}),
        "completion": _reply(COMPLETIONS, prompt),
        "completion, streamed": _reply(COMPLETIONS, {**prompt, "stream": True}),
        "completion, streamed with usage": _reply(COMPLETIONS, {**prompt, **usage}),
        "chat by /invocations, no key": _reply("/invocations", hello, headers={}),
        "completion by /invocations, no key": _reply("/invocations", prompt, headers={}),
        "tokenize, no key": _reply("/tokenize", {"prompt": "the lab"}, headers={}),
        "detokenize, no key": _reply("/detokenize", {"tokens": [65, 66]}, headers={}),
        "wrong model": _reply(CHAT, {**hello, "model": "nope"}),
        "wrong model, streamed": _reply(CHAT, {**hello, "model": "nope", "stream": True}),
        "wrong model of a completion": _reply(COMPLETIONS, {**prompt, "model": "nope"}),
        "no messages": _reply(CHAT, {}),
        "no prompt": _reply(COMPLETIONS, {}),
        "no JSON": _reply(CHAT, "{"),
        "empty body": _reply(CHAT, ""),
        "too many tokens asked for": _reply(CHAT, {**hello, "max_tokens": 10**6}),
        "too long a prompt": _reply(COMPLETIONS, {"prompt": "a" * 20_000, "max_tokens": 1}),
        "an answer past the context": _reply(
            COMPLETIONS, {"prompt": "b" * 16_380, "max_tokens": 100}
        ),
        "temperature below zero": _reply(CHAT, {**hello, "temperature": -1}),
    }


def _reply(path: str, body: object, headers: Mapping[str, str] | None = None) -> Question:
    return lambda server: _asked(server, path, body, headers)


def _asked(
    server: Server,
    path: str,
    body: object,
    headers: Mapping[str, str] | None = None,
    named: bool = True,
) -> Any:
    if isinstance(body, dict) and named:
        body = {"model": server.model, **body}
    sent = server.bearer if headers is None else headers
    return shapes.reply(ask(server, "POST", path, body, sent))


def _traffic(server: Server) -> Any:
    """What four requests leave on /metrics; two of them begin with the same 400 tokens."""
    before = _scraped(server)
    long = {"model": server.model, "prompt": "word " * 80, "max_tokens": 4}
    said = {"model": server.model, "messages": [{"role": "user", "content": "hi"}]}
    short = {"model": server.model, "prompt": "the lab", "max_tokens": 5, "stream": True}
    ask(server, "POST", CHAT, {**said, "max_tokens": 8}, server.bearer)
    ask(server, "POST", COMPLETIONS, short, server.bearer)
    for _ in range(2):
        ask(server, "POST", COMPLETIONS, long, server.bearer)
    wanted = metrics.total(before, SUCCESS) + 4
    now = _settled(server, lambda text: metrics.total(text, SUCCESS) >= wanted)
    return metrics.moved(before, now)


def _hanging_up(server: Server) -> Any:
    """What is counted of a client that leaves early, once its request is gone."""
    before = _scraped(server)
    endless = {"model": server.model, "prompt": "on and on", "max_tokens": 4000, "stream": True}
    hang_up(server, COMPLETIONS, endless)
    now = _settled(server, lambda text: metrics.total(text, "vllm:num_requests_running") == 0)
    grown = metrics.moved(before, now)
    return {name: size for name, size in grown.items() if name.startswith(("vllm:num_", SUCCESS))}


def _settled(server: Server, is_settled: Callable[[str], bool]) -> str:
    """/metrics once it is as told, or after a while as it is: it is counted after the answer."""
    deadline = time.monotonic() + SETTLED_SECONDS
    while True:
        text = _scraped(server)
        if is_settled(text) or time.monotonic() > deadline:
            return text
        time.sleep(0.2)
