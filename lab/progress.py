"""Progress: one line per step of the lab with its time, and a sign of life while it lasts."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

ALIVE_SECONDS = 10
_began = time.monotonic()


def say(text: str) -> None:
    """Print ``text`` behind the seconds since the program began."""
    print(f"[{time.monotonic() - _began:5.1f} s] {text}", flush=True)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Run the block as one step: a line when it ends, and one every ten seconds until then."""
    began, ended = time.monotonic(), threading.Event()

    def keep_alive() -> None:
        while not ended.wait(ALIVE_SECONDS):
            say(f"  … {what}, {time.monotonic() - began:.0f} s so far")

    alive = threading.Thread(target=keep_alive, daemon=True)
    alive.start()
    verdict = "failed"
    try:
        yield
        verdict = "done"
    finally:
        ended.set()
        alive.join()
        say(f"{what}: {verdict} in {time.monotonic() - began:.1f} s")
