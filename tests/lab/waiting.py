"""Waiting: until something is so, and never for ever."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(what: str, is_so: Callable[[], bool], seconds: float = 60) -> None:
    """Ask until it is so; a failure that names `what` when `seconds` are over."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"within {seconds} s it did not happen that {what}"
        time.sleep(0.1)
