"""One run at a time: a second process is refused and told who is at work."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

import run_lock
from tests.processes import started

ROOT = Path(run_lock.__file__).parent
HOLD = """
import sys, time, run_lock
from pathlib import Path
run_lock.acquire(Path(sys.argv[1]), "apply to every host")
print("held", flush=True)
time.sleep(60)
"""
TRY = """
import sys, run_lock
from pathlib import Path
try:
    run_lock.acquire(Path(sys.argv[1]), "apply")
except run_lock.RunLockedError as error:
    print(error)
else:
    print("got it")
"""


def _python(program: str, *arguments: str) -> AbstractContextManager[subprocess.Popen[str]]:
    command = [sys.executable, "-c", program, *arguments]
    return started(command, cwd=ROOT, stdout=subprocess.PIPE)


def _second_try(directory: Path) -> str:
    with _python(TRY, str(directory)) as process:
        return process.communicate(timeout=30)[0].strip()


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    options = ["--data", "ssh_password=hunter2", "--limit", "jetson"]
    with _python(HOLD, str(tmp_path / "state"), *options) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process


def test_a_second_run_is_told_who_is_at_work(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    answer = _second_try(tmp_path / "state")
    assert f"apply to every host, process {holder.pid} of " in answer
    assert re.search(r"since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", answer)
    assert "--data ssh_password=… --limit jetson" in answer


def test_no_secret_of_the_command_line_reaches_the_file(
    holder: subprocess.Popen[str], tmp_path: Path
) -> None:
    text = (tmp_path / "state" / "run.lock").read_text()
    assert "apply to every host" in text
    assert "hunter2" not in text


def test_the_lock_ends_with_its_process_and_the_text_left_behind_is_no_lock(
    holder: subprocess.Popen[str], tmp_path: Path
) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait(timeout=30)
    assert str(holder.pid) in (tmp_path / "state" / "run.lock").read_text()
    assert _second_try(tmp_path / "state") == "got it"


def test_a_released_lock_can_be_taken_by_another_run(tmp_path: Path) -> None:
    lock = run_lock.acquire(tmp_path, "apply")
    assert f"process {os.getpid()} of" in _second_try(tmp_path)
    lock.release()
    assert _second_try(tmp_path) == "got it"


def test_the_lock_outlives_the_object_that_stands_for_it(tmp_path: Path) -> None:
    run_lock.acquire(tmp_path, "apply")
    assert "another run is at work" in _second_try(tmp_path)
    run_lock.acquire(tmp_path, "apply").release()


def test_a_process_that_holds_the_lock_gets_the_same_one_again(tmp_path: Path) -> None:
    first = run_lock.acquire(tmp_path, "apply")
    assert run_lock.acquire(tmp_path, "apply") is first
    first.release()


def test_under_gevent_a_held_lock_is_refused_at_once_and_greenlets_go_on(
    holder: subprocess.Popen[str], tmp_path: Path
) -> None:
    patched = "from gevent import monkey; monkey.patch_all()\n" + TRY
    with _python(patched, str(tmp_path / "state")) as process:
        assert "another run is at work" in process.communicate(timeout=10)[0]


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["deploy.py", "--limit", "a b"], "deploy.py --limit 'a b'"),
        (["--data", "token=abc"], "--data token=…"),
        (["--data=token=a=b"], "--data=token=…"),
        (["--ssh-password", "a=b", "-y"], "--ssh-password … -y"),
        (["--key-password=abc"], "--key-password=…"),
        (["--use-sudo-password", "-y"], "--use-sudo-password -y"),
    ],
)
def test_a_shown_command_line_hides_its_secrets(arguments: list[str], shown: str) -> None:
    assert run_lock.without_secrets(arguments) == shown
