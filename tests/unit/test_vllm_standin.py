"""The stand-in for vLLM: it takes and refuses what the real one does, in its words."""

from __future__ import annotations

import http.client
import json
import os
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from lab.standins.vllm_server import arguments, card, metrics, server, startup
from lab.standins.vllm_server.__main__ import main
from lab.standins.vllm_server.access import Keys
from lab.standins.vllm_server.card import MIB, Card
from lab.standins.vllm_server.engine import Engine, Request
from lab.standins.vllm_server.refusal import Refused
from lab.standins.vllm_server.startup import Served

KEY = "the-key"
BIG = Card(16_303 * MIB, 300 * MIB)
OPENING = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 5}
REMOVED = (
    *("--swap-space", "--speculative-model", "--num-speculative-tokens", "--task"),
    *("--guided-decoding-backend", "--num-scheduler-steps", "--preemption-mode"),
)
GUARDED = ("/v1/models", "/v1/chat/completions", "/v1/no-such-path", "/v2/rerank", "/inference/x")
OPEN = ("/metrics", "/health", "/ping", "/version", "/load")


def config(**changes: Any) -> dict[str, Any]:
    return {
        "hidden_size": 512,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": 263,
        "max_position_embeddings": 32_768,
        "quantization_config": {"quant_method": "compressed-tensors"},
        **changes,
    }


def write(folder: Path, **changes: Any) -> Path:
    """A model whose only tensor has eight bytes."""
    folder.mkdir()
    header = json.dumps({"a": {"dtype": "U8", "shape": [8], "data_offsets": [0, 8]}}).encode()
    content = len(header).to_bytes(8, "little") + header + bytes(8)
    (folder / "config.json").write_text(json.dumps(config(**changes)))
    (folder / "model.safetensors").write_bytes(content)
    return folder


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(startup, "COMPILE_SECONDS", 0)
    return write(tmp_path / "model")


def start(*words: str, graphics: Card = BIG) -> Served:
    return startup.served(arguments.parse(["serve", *words], "0.33.0"), graphics)


def refusal(*words: str, graphics: Card = BIG) -> str:
    with pytest.raises(Refused) as refused:
        start(*words, graphics=graphics)
    return str(refused.value)


@pytest.mark.parametrize("flag", arguments.flags())
def test_it_knows_every_recorded_argument(flag: str) -> None:
    values = {
        "--speculative-config": "{}",
        **dict.fromkeys(("--max-model-len", "--port", "--max-num-seqs"), "1"),
        **dict.fromkeys(("--max-num-batched-tokens", "--gpu-memory-utilization"), "1"),
        "--kv-cache-dtype": "fp8",
    }
    kind = arguments._kind(flag)
    word = [] if kind.get("action") == "store_true" else [values.get(flag, "x")]
    read = arguments.parse(["serve", "/models/x", flag, *word], "0.33.0")
    assert hasattr(read, flag.removeprefix("--").replace("-", "_"))


@pytest.mark.parametrize("flag", REMOVED)
def test_it_refuses_an_argument_that_is_gone(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        arguments.parse(["serve", "/models/x", flag, "8"], "0.33.0")
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith(f"vllm: error: unrecognized arguments: {flag} 8\n")


def test_it_refuses_what_another_version_does_not_know(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        arguments.parse(["serve", "/models/x", "--seed", "1"], "0.34.0", without=["--seed"])
    assert "unrecognized arguments: --seed 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--device", "cuda"), "ambiguous option: --device could match --device-ids, "),
        (("--max-num-seqs", "many"), "argument --max-num-seqs: invalid"),
        (("--kv-cache-dtype", "int3"), "argument --kv-cache-dtype: invalid choice: 'int3'"),
        (("--speculative-config", "{"), "argument --speculative-config: Value { cannot"),
    ],
)
def test_it_refuses_a_value_of_another_type(
    words: tuple[str, ...], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        arguments.parse(["serve", "/models/x", *words], "0.33.0")
    assert complaint in capsys.readouterr().err


def test_it_reads_names_as_vllm_does() -> None:
    read = arguments.parse(
        ["serve", "/x", "--max_model_len=16k", "--compilation-config.mode", "3"], "0.33.0"
    )
    assert (read.max_model_len, read.compilation_config) == (16_000, "3")


def test_it_refuses_a_container_without_a_card(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert main(["serve", "/models/x"], {}) == 1
    assert capsys.readouterr().err.startswith("RuntimeError: Failed to infer device type, please")


def test_it_asks_the_card_for_its_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho '16303, 300'\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert card.found() == BIG


def test_it_refuses_a_folder_without_a_configuration(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    text = refusal(str(tmp_path))
    assert f"Invalid repository ID or local directory specified: '{tmp_path}'." in text


def test_it_refuses_a_folder_without_weights(model: Path) -> None:
    (model / "model.safetensors").unlink()
    assert refusal(str(model)) == f"RuntimeError: Cannot find any model weights with `{model}`"


def test_it_refuses_weights_that_are_cut_off(model: Path) -> None:
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert "incomplete metadata, file not fully covered" in refusal(str(model))


def test_it_refuses_a_context_longer_than_the_models(model: Path) -> None:
    assert (
        "User-specified max_model_len (65536) is greater than the derived max_model_len "
        "(max_position_embeddings=32768.0 or model_max_length=None in model's config.json)."
    ) in refusal(str(model), "--max-model-len", "65536")


def test_it_refuses_another_quantization_than_the_checkpoints(model: Path) -> None:
    assert (
        "Quantization method specified in the model config (compressed-tensors) does not match the "
        "quantization method specified in the `quantization` argument (fp8)."
    ) in refusal(str(model), "--quantization", "fp8")


def test_it_refuses_fewer_tokens_than_sequences(model: Path) -> None:
    assert (
        "max_num_batched_tokens (16) must be greater than or equal to max_num_seqs (32)."
    ) in refusal(str(model), "--max-num-batched-tokens", "16", "--max-num-seqs", "32")


def test_it_refuses_a_draft_of_another_vocabulary(model: Path, tmp_path: Path) -> None:
    draft = write(tmp_path / "draft", vocab_size=32_000)
    stated = json.dumps({"model": str(draft), "method": "draft_model"})
    assert (
        "Target and draft model should have the same vocabulary size. Target model vocab_size=263. "
        "Draft model vocab_size=32000."
    ) in refusal(str(model), "--speculative-config", stated)


def test_it_refuses_a_card_that_others_fill(model: Path) -> None:
    full = Card(16_303 * MIB, 8_000 * MIB)
    assert refusal(str(model), "--gpu-memory-utilization", "0.8", graphics=full) == (
        "ValueError: Free memory on device cuda:0 (8.11/15.92 GiB) on startup is less than desired "
        "GPU memory utilization (0.8, 12.74 GiB). Decrease GPU memory utilization or reduce GPU "
        "memory used by other processes."
    )


def test_it_refuses_a_share_without_room_for_a_cache(model: Path) -> None:
    small = Card(1_024 * MIB, 0)
    assert "No available memory for the cache blocks." in refusal(str(model), graphics=small)


def test_it_refuses_a_cache_too_small_for_one_sequence(tmp_path: Path, model: Path) -> None:
    large = write(tmp_path / "large", num_hidden_layers=4_000)
    text = refusal(str(large), "--gpu-memory-utilization", "0.2")
    assert text.startswith(
        "ValueError: To serve at least one request with the model's max seq len (32768), (125.0 "
        "GiB KV cache is needed, which is larger than the available KV cache memory (1.68 GiB). "
        "Based on the available memory, the estimated maximum model length is 432."
    )


def test_an_fp8_cache_holds_twice_the_tokens(model: Path) -> None:
    half, whole = start(str(model)), start(str(model), "--kv-cache-dtype", "fp8")
    assert whole.cache_tokens == 2 * half.cache_tokens


def test_it_needs_its_caches(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/proc")
    with pytest.raises(OSError):
        start(str(model))


@pytest.fixture
def served() -> Served:
    return Served("the-model", "/models/x", 128, 100_000, 32)


@pytest.fixture
def ask(served: Served) -> Generator[Callable[..., tuple[int, str]]]:
    """Asks a running stand-in: method, path, body, and the header of the key."""
    site = server.site(Engine(served), Keys([KEY]), "0.33.0", False, "/health,/metrics")
    listening = server.listen(site, 0, "127.0.0.1")
    thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
    thread.start()

    def asked(
        method: str, path: str, body: Any = None, authorization: str = f"Bearer {KEY}"
    ) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", listening.server_port, timeout=20)
        headers = {"Authorization": authorization} if authorization else {}
        connection.request(method, path, json.dumps(body) if body else None, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    yield asked
    listening.shutdown()
    thread.join()
    listening.server_close()


Ask = Callable[..., tuple[int, str]]


@pytest.mark.parametrize("path", GUARDED)
@pytest.mark.parametrize("shown", ["", "Bearer wrong", KEY, f"Basic {KEY}"])
def test_below_its_prefixes_it_asks_for_the_key(ask: Ask, path: str, shown: str) -> None:
    assert ask("GET", path, authorization=shown) == (401, '{"error": "Unauthorized"}')


@pytest.mark.parametrize("path", OPEN)
def test_elsewhere_it_asks_for_none(ask: Ask, path: str) -> None:
    assert ask("GET", path, authorization="")[0] == 200


def test_it_infers_without_a_key_on_its_other_paths(ask: Ask) -> None:
    assert ask("POST", "/invocations", OPENING, authorization="")[0] == 200
    assert ask("POST", "/tokenize", {"prompt": "ab"}, authorization="")[0] == 200
    assert ask("POST", "/detokenize", {"tokens": [97]}, authorization="")[0] == 200


def test_without_keys_it_serves_everybody() -> None:
    assert Keys([]).let_in("POST", "/v1/completions", "")


def test_whoever_may_pause_it_stops_it_for_everybody(ask: Ask) -> None:
    assert ask("POST", "/pause", authorization="") == (200, '{"status": "paused"}')
    answers: list[int] = []
    waiting = threading.Thread(
        target=lambda: answers.append(ask("POST", "/v1/chat/completions", OPENING)[0])
    )
    waiting.start()
    waiting.join(0.5)
    assert answers == []
    ask("POST", "/resume", authorization="")
    waiting.join(10)
    assert answers == [200]


def test_a_chat_is_answered_with_as_many_tokens_as_were_asked_for(ask: Ask) -> None:
    status, text = ask("POST", "/v1/chat/completions", {"model": "the-model", **OPENING})
    answer = json.loads(text)
    assert (status, answer["object"], answer["model"]) == (200, "chat.completion", "the-model")
    (choice,) = answer["choices"]
    assert choice["finish_reason"] == "length"
    assert len(choice["message"]["content"]) == answer["usage"]["completion_tokens"] == 5


def test_a_completion_is_answered(ask: Ask) -> None:
    body = {"prompt": "the lab", "max_tokens": 3}
    answer = json.loads(ask("POST", "/v1/completions", body)[1])
    assert answer["object"] == "text_completion"
    assert answer["usage"] == {
        "prompt_tokens": 7,
        "completion_tokens": 3,
        "total_tokens": 10,
        "prompt_tokens_details": None,
        "completion_tokens_details": None,
    }


def test_a_stream_comes_token_by_token_and_ends(ask: Ask) -> None:
    options = {"stream": True, "stream_options": {"include_usage": True}}
    text = ask("POST", "/v1/chat/completions", {**OPENING, **options})[1]
    *events, done = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
    first, *said, counted = map(json.loads, events)
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert [len(piece["choices"][0]["delta"]["content"]) for piece in said] == [1] * 5
    assert [piece["choices"][0]["finish_reason"] for piece in said] == [None] * 4 + ["length"]
    assert (counted["choices"], counted["usage"]["completion_tokens"]) == ([], 5)
    assert done == "[DONE]"


def test_another_model_is_not_found(ask: Ask) -> None:
    status, text = ask("POST", "/v1/chat/completions", {"model": "nope", **OPENING})
    assert (status, json.loads(text)["error"]) == (
        404,
        {
            "message": "The model `nope` does not exist. Valid aliases: the-model.",
            "type": "NotFoundError",
            "param": "model",
            "code": 404,
        },
    )


def test_a_prompt_past_the_context_is_a_bad_request(ask: Ask) -> None:
    status, text = ask("POST", "/v1/completions", {"prompt": "x" * 129, "max_tokens": 1})
    assert status == 400
    assert json.loads(text)["error"]["message"].startswith(
        "This model's maximum context length is 128 tokens. However, your prompt contains at "
        "least 129 input tokens, which exceeds this limit even without any output tokens."
    )


def test_an_answer_ends_with_the_context(ask: Ask) -> None:
    status, text = ask("POST", "/v1/completions", {"prompt": "x" * 100, "max_tokens": 29})
    assert (status, json.loads(text)["usage"]["total_tokens"]) == (200, 128)


def test_what_is_no_request_is_a_bad_one(ask: Ask) -> None:
    status, text = ask("POST", "/v1/chat/completions", {"prompt": "x"})
    assert (status, json.loads(text)["error"]["param"]) == (400, "body.messages")
    assert ask("GET", "/v1/chat/completions")[0] == 405
    assert ask("GET", "/nowhere")[0] == 404


def test_it_answers_as_many_at_once_as_it_was_told(served: Served) -> None:
    engine = Engine(served)
    together = threading.Barrier(served.max_sequences)

    def hold() -> None:
        tokens = engine.generate(Request(b"x", 2))
        next(tokens)
        together.wait(timeout=30)
        list(tokens)

    threads = [threading.Thread(target=hold) for _ in range(served.max_sequences)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not together.broken
    assert sample(engine, "request_success_total", 'finished_reason="length",') == 32


def sample(engine: Engine, name: str, more: str = "") -> float:
    start = f'vllm:{name}{{engine="0",{more}model_name="the-model"}} '
    (line,) = (line for line in engine.metrics.text().splitlines() if line.startswith(start))
    return float(line.removeprefix(start))


def test_the_numbers_agree_with_the_traffic(served: Served) -> None:
    engine = Engine(served)
    for size in (3, 4):
        list(engine.generate(Request(b"x" * 40, size)))
    assert sample(engine, "prompt_tokens_total") == 80
    assert sample(engine, "generation_tokens_total") == 7
    assert sample(engine, "request_generation_tokens_sum") == 7
    assert sample(engine, "time_to_first_token_seconds_count") == 2
    assert sample(engine, "inter_token_latency_seconds_count") == 5
    assert sample(engine, "e2e_request_latency_seconds_count") == 2
    assert sample(engine, "prefix_cache_queries_total") == 80
    assert sample(engine, "prefix_cache_hits_total") == 32
    assert sample(engine, "num_requests_running") == sample(engine, "num_requests_waiting") == 0
    assert sample(engine, "kv_cache_usage_perc") == pytest.approx(0)


def test_an_answer_that_nobody_waits_for_is_counted_nowhere(served: Served) -> None:
    engine = Engine(served)
    tokens = engine.generate(Request(b"x", 9))
    next(tokens)
    tokens.close()  # type: ignore[attr-defined]
    assert sample(engine, "request_success_total", 'finished_reason="abort",') == 0
    assert sample(engine, "request_generation_tokens_sum") == 0
    assert sample(engine, "num_requests_running") == 0


def test_it_serves_exactly_the_recorded_names(served: Served) -> None:
    lines = Engine(served).metrics.text().splitlines()
    names = {line.partition("{")[0] for line in lines if not line.startswith("#")}
    assert names == set(metrics.recorded())


def test_the_newer_recording_has_every_name_that_is_served() -> None:
    defined = (metrics.RECORDED / "metric-names-0.33.0.txt").read_text().split()
    ends = ("_bucket", "_count", "_sum", "_created", "_total")
    for name in metrics.recorded():
        bases = {name, *(name.removesuffix(end) for end in ends)}
        assert {*bases, *(f"{base}_total" for base in bases)} & set(defined), name


def test_production_checks_against_the_same_recording() -> None:
    production = Path("files/vllm/flags-0.33.0.txt").read_text()
    assert (arguments.RECORDED / "flags-0.33.0.txt").read_text() == production
