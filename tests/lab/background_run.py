"""A run in progress: what pyinfra says while it works, and when it said it."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from pathlib import Path
from typing import Self

from lab.checkout import ROOT
from tests.lab.conftest import INVENTORY, PYINFRA, Done

RUN_SECONDS = 300
READ_SECONDS = 30


class BackgroundRun:
    """`pyinfra -y` on the lab, or on `limit` of it; it does not outlive its block.

    `group_data` is a folder of values beside the lab's own.
    """

    def __init__(
        self, *limit: str, deploy: str = "deploy.py", group_data: Path | None = None
    ) -> None:
        limits = [word for name in limit for word in ("--limit", name)]
        data = ("--group-data", str(group_data)) if group_data else ()
        self.process = subprocess.Popen(
            [PYINFRA, "-y", *data, INVENTORY, deploy, *limits],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._said: list[tuple[float, str]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()

    def kill(self) -> None:
        """End it as the kernel does when memory is short: nothing of it can react."""
        self.process.kill()
        self.process.wait()
        self._reader.join(READ_SECONDS)

    def finished(self) -> Done:
        """Wait for its end; its exit code, and all it said."""
        self.process.wait(RUN_SECONDS)
        self._reader.join(READ_SECONDS)
        return Done(self.process.args, self.process.returncode, self.output)

    @property
    def output(self) -> str:
        return "".join(text for _, text in self._said)

    def first_said(self, pattern: str) -> float:
        """The monotonic time of its first line that matches; AssertionError without one."""
        for at, text in self._said:
            if re.search(pattern, text):
                return at
        raise AssertionError(f"no line matches {pattern}:\n{self.output}")

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self._said.append((time.monotonic(), line))
