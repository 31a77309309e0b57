"""An altered checkout: a copy of this one with changed files, that deploys to the same lab."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from lab.checkout import ROOT
from tests.lab.conftest import INVENTORY, PYINFRA, Done

SHARED = (".lab", ".venv")
LEFT_OUT = shutil.ignore_patterns(*SHARED, ".git", "tests", "__pycache__", ".*_cache")
RUN_SECONDS = 300


class AlteredCheckout:
    """What somebody has who edits the project and then runs it.

    The lab's keys, addresses, secrets and run lock are those of the original.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "checkout"
        shutil.copytree(ROOT, self.directory, ignore=LEFT_OUT)
        for name in SHARED:
            (self.directory / name).symlink_to(ROOT / name)

    def replace(self, path: str, old: str, new: str) -> None:
        """Put `new` in the place of every `old` in a file; an `old` that is not there is an error.

        Otherwise a test would go on to show how well an unchanged file lands.
        """
        file = self.directory / path
        text = file.read_text()
        assert old in text, f"{path} has no {old!r} any more; adapt the test"
        file.write_text(text.replace(old, new))

    def append(self, path: str, line: str) -> None:
        with (self.directory / path).open("a") as file:
            file.write(f"\n{line}\n")

    def apply(self, *limit: str, deploy: str = "deploy.py") -> Done:
        with self.applying(*limit, deploy=deploy) as run:
            return finished(run)

    @contextmanager
    def applying(self, *limit: str, deploy: str = "deploy.py") -> Generator[subprocess.Popen[str]]:
        """A run in progress; it does not outlive the block."""
        limits = [word for name in limit for word in ("--limit", name)]
        run = subprocess.Popen(
            [PYINFRA, "-y", INVENTORY, deploy, *limits],
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield run
        finally:
            if run.poll() is None:
                run.kill()
                run.communicate()


def finished(run: subprocess.Popen[str]) -> Done:
    """Wait for the end of a run."""
    output, _ = run.communicate(timeout=RUN_SECONDS)
    return Done(run.args, run.returncode, output)
