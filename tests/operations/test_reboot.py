"""Waiting for another boot: what counts as one, and what is said of a host that has none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from paramiko import SSHException
from pyinfra.api.exceptions import ConnectError

from operations import reboot
from operations.reboot import wait_for_boot


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reboot, "ASK_AGAIN_SECONDS", 0.01)


def answering(*answers: str | Exception) -> Callable[[], str]:
    """A host that gives these answers one after the other, and the last one for ever."""
    following: Iterator[str | Exception] = iter(answers)
    last: str | Exception = ""

    def ask() -> str:
        nonlocal last
        last = next(following, last)
        if isinstance(last, Exception):
            raise last
        return last

    return ask


def wait(*answers: str | Exception, seconds: float = 5) -> str:
    return wait_for_boot("old", answering(*answers), time.monotonic() + seconds)


def test_another_boot_id_is_another_boot() -> None:
    assert wait("new") == ""


def test_the_old_boot_still_answers_for_a_while() -> None:
    assert wait("old", "old", "new") == ""


@pytest.mark.parametrize(
    "lost",
    [
        ConnectionRefusedError(111, "Connection refused"),
        TimeoutError("timed out"),
        ConnectError("Authentication error"),
        SSHException("Error reading SSH protocol banner"),
        EOFError(),
    ],
)
def test_a_host_that_is_not_there_yet_is_asked_again(lost: Exception) -> None:
    assert wait("old", lost, lost, "new") == ""


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("old", "it still runs the boot from before"),
        ("", "it still runs the boot from before"),
        (ConnectError("No route to host"), "No route to host"),
        (EOFError(), "EOFError"),
    ],
)
def test_what_was_amiss_last_is_said(answer: str | Exception, said: str) -> None:
    assert wait(answer, seconds=0.05) == said
