"""The stand-in for vLLM answers as the real one was recorded to, and a wrong answer would show."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from group_data.vllm import vllm
from lab.checkout import LAB
from lab.real_vllm import contract, metrics, models, page, questions, refusals, shapes
from lab.real_vllm.client import Reply, Server
from lab.real_vllm.contract import MISSING, Difference
from lab.real_vllm.result import Result
from lab.standins.vllm_server import server
from lab.standins.vllm_server.access import Keys
from lab.standins.vllm_server.engine import Engine
from lab.standins.vllm_server.startup import Served

RECORDED = Result.recorded()
KEY = "the-key"
REFUSALS = refusals.cases(models.served().name, models.served().architecture.context_tokens)


@pytest.fixture(scope="module")
def answers() -> Iterator[dict[str, Any]]:
    """What the stand-in answers to every question that goes over HTTP."""
    name = models.served().name
    served = Served(name, f"/models/{name}", vllm.context_tokens, 200_000, vllm.max_sequences)
    site = server.site(Engine(served), Keys([KEY]), vllm.version, False, "/health,/metrics")
    listening = server.listen(site, 0, "127.0.0.1")
    thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
    thread.start()
    yield questions.ask_all(Server(listening.server_port, KEY, name))
    listening.shutdown()
    thread.join()
    listening.server_close()


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The models' folder, and beside it the program that shows a card."""
    directory = tmp_path_factory.mktemp("vllm") / "models"
    directory.mkdir()
    models.write(directory)
    return directory


@pytest.mark.parametrize(
    "question", [name for name in RECORDED.answers if not name.startswith(page.REFUSAL)]
)
def test_the_stand_in_answers_as_the_real_one(question: str, answers: dict[str, Any]) -> None:
    real = {question: RECORDED.answers[question]}
    found = contract.differences(real, {question: answers.get(question, MISSING)})
    assert [str(it) for it in found if not contract.excepted(it)] == []


@pytest.mark.parametrize("case", REFUSALS)
def test_the_stand_in_refuses_as_the_real_one(case: str, directory: Path) -> None:
    words = [word.replace("/models", str(directory), 1) for word in REFUSALS[case]]
    done = subprocess.run(
        [sys.executable, "-m", "vllm_server", "serve", *words],
        env={
            "PATH": f"{LAB / 'real_vllm'}:{os.environ['PATH']}",
            "PYTHONPATH": str(LAB / "standins"),
            "HOME": str(directory.parent),
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    said = refusals.last_words(done.stderr).replace(str(directory), "/models")
    name = f"{page.REFUSAL}{case}"
    found = contract.differences(
        {name: RECORDED.answers[name]}, {name: {"exit": done.returncode, "says": said}}
    )
    assert [str(it) for it in found if not contract.excepted(it)] == []


def test_every_question_was_recorded(answers: dict[str, Any]) -> None:
    asked = {*answers, *(f"{page.REFUSAL}{case}" for case in REFUSALS)}
    assert asked == set(RECORDED.answers), "run `make real-vllm` again"


def test_no_exception_is_left_over(answers: dict[str, Any]) -> None:
    refused = {name: it for name, it in RECORDED.answers.items() if name.startswith(page.REFUSAL)}
    assert contract.verdict(RECORDED.answers, answers | refused)[1] == []


def test_the_recorded_run_found_no_difference() -> None:
    assert RECORDED.wrong == []


def test_the_recorded_command_is_what_production_says_today() -> None:
    arguments = vllm.arguments(models.served())
    assert RECORDED.command[2 : 2 + len(arguments)] == list(arguments), "run `make real-vllm`"


def test_the_page_is_what_the_recorded_result_generates() -> None:
    written = page.DOCUMENT.read_text(encoding="utf-8")
    assert written == page.page(RECORDED), "docs/real-vllm.md is old; run `make real-vllm`"


@pytest.mark.parametrize(
    ("other", "place"),
    [
        ({"status": 200, "body": {"usage": {"total": 8}}}, "body/usage/total"),
        ({"status": 401, "body": {"usage": {"total": 7}}}, "status"),
        ({"status": 200, "body": {}}, "body/usage"),
        ({"status": 200, "body": {"usage": {"total": 7}, "more": None}}, "body/more"),
    ],
)
def test_a_difference_is_found_where_it_is(other: dict[str, Any], place: str) -> None:
    real = {"chat": {"status": 200, "body": {"usage": {"total": 7}}}}
    (found,) = contract.differences(real, {"chat": other})
    assert (found.question, found.place) == ("chat", place)


def test_true_is_not_one() -> None:
    assert contract.differences({"q": True}, {"q": 1}) == [Difference("q", "", True, 1)]


def test_an_answer_that_one_of_them_lacks_is_a_difference() -> None:
    assert contract.differences({"q": 1}, {}) == [Difference("q", "", 1, MISSING)]


def test_a_text_may_differ_and_its_absence_may_not() -> None:
    assert shapes.shape({"content": "a"}) == shapes.shape({"content": "b"})
    assert shapes.shape({"content": "a"}) != shapes.shape({"content": None})


def test_events_are_compared_by_kind_and_order_not_by_number() -> None:
    few = 'data: {"id": "a"}\n\ndata: [DONE]\n\n'
    many = 'data: {"id": "a"}\n\ndata: {"id": "b"}\n\ndata: [DONE]\n\n'
    assert shapes.events(few) == shapes.events(many) == [{"id": "<text>"}, "[DONE]", ""]
    assert shapes.events(few[:-1]) != shapes.events(few)


def test_a_reply_without_a_body_is_told_from_one_with() -> None:
    kind = {"content-type": "application/json"}
    assert shapes.reply(Reply(200, '{"a": 1}', kind)) != shapes.reply(Reply(200, ""))


def test_metrics_move_by_what_was_added() -> None:
    before = 'vllm:a_total{engine="0",why="x"} 1.0\nvllm:b_seconds_sum 1.0\nvllm:c 2.0\n'
    after = 'vllm:a_total{engine="0",why="x"} 3.0\nvllm:b_seconds_sum 1.5\nvllm:c 2.0\n'
    assert metrics.moved(before, after) == {
        "vllm:a_total why=x": 2.0,
        "vllm:b_seconds_sum": ">0",
    }


def test_the_last_words_are_those_of_the_last_error() -> None:
    log = (
        "(APIServer pid=1) INFO starting\n"
        "(EngineCore pid=2) OSError: first\n"
        "(APIServer pid=1) ValueError: second [type=value_error, input_value=1, input_type=x]\n"
        "(APIServer pid=1)     For further information visit somewhere\n"
    )
    assert refusals.last_words(log) == "ValueError: second"
    assert refusals.last_words("all is well\n") == ""
