"""A request loop: a client that asks again and again while something under it is changed."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from tests.lab.waiting import wait_until

AT_MOST = 20_000
PAUSE_SECONDS = 0.03
END_SECONDS = 30


@dataclass(frozen=True)
class Request:
    """One request: when it was sent and answered, and what went wrong."""

    sent: float
    answered: float
    problem: str = ""


@dataclass
class RequestLoop:
    """Calls `ask` from a thread of its own until the block ends, `AT_MOST` times."""

    ask: Callable[[], None]
    requests: list[Request] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(timeout=END_SECONDS)

    def reach(self, number: int) -> None:
        """Wait until so many requests have been made."""
        wait_until(f"{number} requests were made", lambda: len(self.requests) >= number)

    @property
    def problems(self) -> list[str]:
        return [request.problem for request in self.requests if request.problem]

    @property
    def gap_seconds(self) -> float:
        """From the last good answer before a failure to the first one after it, the longest."""
        longest, last_good, failing = 0.0, self.requests[0].sent, False
        for request in self.requests:
            if request.problem:
                failing = True
                continue
            if failing:
                longest = max(longest, request.answered - last_good)
            last_good, failing = request.answered, False
        return longest

    def _run(self) -> None:
        while not self._over.is_set() and len(self.requests) < AT_MOST:
            sent, problem = time.monotonic(), ""
            try:
                self.ask()
            except (OSError, http.client.HTTPException, AssertionError) as error:
                problem = f"{type(error).__name__}: {error}"
            self.requests.append(Request(sent, time.monotonic(), problem))
            self._over.wait(PAUSE_SECONDS)
