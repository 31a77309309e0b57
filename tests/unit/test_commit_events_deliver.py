"""Commit events: what waits is sent once, and kept or set aside as the receiver answers."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from files.commit_events.collect import REMEMBERED
from files.commit_events.deliver import NO_ANSWER, deliver
from files.commit_events.queue import Queue
from files.commit_events.settings import Settings
from tests.unit.sample_repository import commit
from tests.unit.watched_repository import *  # noqa: F403  (its fixtures)
from tests.unit.watched_repository import collected, spooled

TOKEN = "t" * 40


@dataclass
class Receiver:
    """A web hook: answers in turn, the last answer for ever; keeps what it was sent."""

    url: str
    answers: list[int] = field(default_factory=lambda: [201])
    bodies: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            found.bodies.append(json.loads(self.rfile.read(length)))
            found.tokens.append(self.headers["Authorization"])
            status = found.answers.pop(0) if len(found.answers) > 1 else found.answers[0]
            if status == NO_ANSWER:
                return
            self.send_response(status)
            if status == 307:
                self.send_header("Location", found.url)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Receiver(f"http://127.0.0.1:{server.server_port}/webhook/commits")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def settings(state: Path, receiver: Receiver) -> Settings:
    (state / "token").write_text(f"{TOKEN}\n")
    return Settings(
        url=receiver.url,
        state=state,
        metrics=state / "metrics.prom",
        token_file=state / "token",
        longest_push=200,
        untagged_seconds=0,
        answer_seconds=5,
        repositories=(),
    )


def waiting(settings: Settings) -> int:
    return len(Queue(settings.state).waiting())


def test_each_commit_is_sent_once_with_the_token(
    clone: Path, settings: Settings, receiver: Receiver
) -> None:
    shas = [commit(clone, f"Number {n}".encode()) for n in range(3)]
    collected(clone, settings.state)
    deliver(settings)
    deliver(settings)
    assert [body["sha"] for body in receiver.bodies] == shas
    assert set(receiver.tokens) == {f"Bearer {TOKEN}"}
    assert (waiting(settings), spooled(settings.state)) == (0, [])


def test_a_commit_that_is_queued_again_is_not_sent_again(
    clone: Path, settings: Settings, receiver: Receiver
) -> None:
    commit(clone)
    for _ in range(2):
        collected(clone, settings.state)
        deliver(settings)
        (clone / ".git" / REMEMBERED).unlink()
    assert len(receiver.bodies) == 1


def test_an_untagged_note_is_asked_for_until_the_model_is_back(
    clone: Path, settings: Settings, receiver: Receiver
) -> None:
    receiver.answers = [202, 202, 201]
    commit(clone)
    collected(clone, settings.state)
    deliver(settings)
    assert "ai_idp_commit_events_untagged 1" in settings.metrics.read_text()
    deliver(settings)
    assert waiting(settings) == 1
    deliver(settings)
    assert (waiting(settings), len(receiver.bodies)) == (0, 3)


@pytest.mark.parametrize("status", [403, 404, 500, 503, 307, 204])
def test_any_other_answer_keeps_the_event_for_later(
    status: int, clone: Path, settings: Settings, receiver: Receiver
) -> None:
    receiver.answers = [status, 201]
    commit(clone)
    collected(clone, settings.state)
    deliver(settings)
    deliver(settings)  # too early
    assert (waiting(settings), len(receiver.bodies)) == (1, 1)
    (one,) = Queue(settings.state).waiting()
    assert 25 < one.not_before - time.time() <= 30


@pytest.mark.parametrize("status", [500, NO_ANSWER])
def test_one_that_is_refused_for_now_holds_up_no_other(
    status: int, clone: Path, settings: Settings, receiver: Receiver
) -> None:
    receiver.answers = [status, 201]
    commit(clone)
    commit(clone)
    collected(clone, settings.state)
    deliver(settings)
    assert (waiting(settings), len(receiver.bodies)) == (1, 2)


def test_what_n8n_takes_for_no_event_is_set_aside(
    clone: Path, settings: Settings, receiver: Receiver
) -> None:
    receiver.answers = [422]
    commit(clone)
    collected(clone, settings.state)
    deliver(settings)
    deliver(settings)
    assert (waiting(settings), len(receiver.bodies)) == (0, 1)
    assert "ai_idp_commit_events_rejected 1" in settings.metrics.read_text()


def test_what_was_set_aside_is_tried_again_where_somebody_moves_it_back(
    clone: Path, settings: Settings, receiver: Receiver
) -> None:
    """As the runbook of the alert CommitRejected has it."""
    receiver.answers = [422, 201]
    commit(clone)
    collected(clone, settings.state)
    deliver(settings)
    (rejected,) = (settings.state / "rejected").iterdir()
    rejected.rename(settings.incoming / rejected.name)
    deliver(settings)
    assert (waiting(settings), len(receiver.bodies)) == (0, 2)
    assert "ai_idp_commit_events_rejected 0" in settings.metrics.read_text()


def test_without_a_receiver_all_wait(clone: Path, settings: Settings) -> None:
    commit(clone)
    commit(clone)
    collected(clone, settings.state)
    away = Settings(**{**vars(settings), "url": "http://127.0.0.1:9/webhook/commits"})
    deliver(away)
    assert "ai_idp_commit_events_waiting 2" in settings.metrics.read_text()
    deliver(settings)
    assert waiting(settings) == 0


def test_a_run_that_was_killed_loses_nothing(clone: Path, settings: Settings) -> None:
    commit(clone)
    collected(clone, settings.state)
    Queue(settings.state).take()  # and killed
    deliver(settings)
    assert waiting(settings) == 0


@pytest.mark.parametrize("content", ["", "{", "[]", '{"sha": "x"}', '"text"'])
def test_what_is_no_event_is_set_aside_and_nothing_stops(
    content: str, clone: Path, settings: Settings, receiver: Receiver
) -> None:
    (settings.incoming / "junk.json").write_text(content)
    commit(clone)
    collected(clone, settings.state)
    deliver(settings)
    assert (len(receiver.bodies), Queue(settings.state).rejected()) == (1, 1)


def test_what_others_put_there_is_neither_followed_nor_in_the_way(
    clone: Path, settings: Settings, receiver: Receiver, tmp_path: Path
) -> None:
    commit(clone)
    collected(clone, settings.state)
    (path,) = settings.incoming.glob("*.json")
    path.rename(tmp_path / "elsewhere.json")
    (settings.incoming / "link.json").symlink_to(tmp_path / "elsewhere.json")
    (settings.incoming / "folder.json").mkdir()
    os.mkfifo(settings.incoming / "pipe.json")
    deliver(settings)
    assert receiver.bodies == []
    assert (tmp_path / "elsewhere.json").exists()


def test_a_file_that_a_killed_hook_left_goes_after_an_hour(settings: Settings) -> None:
    for name, age in ((".new.json.1", 10), (".old.json.2", 4000)):
        (settings.incoming / name).write_text("{")
        os.utime(settings.incoming / name, (time.time() - age,) * 2)
    deliver(settings)
    assert [path.name for path in settings.incoming.iterdir()] == [".new.json.1"]
