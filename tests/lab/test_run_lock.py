"""The run lock: of two runs at once the second is refused, and learns who is at work."""

from __future__ import annotations

import getpass
import json
from collections.abc import Generator
from datetime import UTC, datetime
from typing import Any

import pytest

from lab.checkout import STATE
from tests.lab.background_run import BackgroundRun
from tests.lab.conftest import Done, apply, converge, plan, shell
from tests.lab.waiting import wait_until

LOCK = STATE / "secrets" / "run.lock"
HELD, FREE = "sclimers-mlflow", ("sclimers-gateway", "sclimers-automation")
LOGINS = "journalctl --unit ssh --no-pager --output cat | grep -c 'Accepted publickey' || :"

# Whoever reads the state of a service waits for the transaction that has its lock.
GO_ON = "/run/transaction-goes-on"
HOLD = f"""rm -f {GO_ON}
setsid flock /var/lib/ai-idp/services/base/lock sh -c '
    for second in $(seq 300); do [ -e {GO_ON} ] || sleep 1; done' </dev/null >/dev/null 2>&1 &"""


@pytest.fixture(scope="module")
def first() -> Generator[BackgroundRun]:
    """A run that one host keeps waiting while others look."""
    converge(HELD, *FREE)
    shell(HELD, HOLD)
    try:
        with BackgroundRun(HELD) as run:
            wait_until("it holds the lock", lambda: _holder().get("pid") == run.process.pid)
            yield run
    finally:
        shell(HELD, f"touch {GO_ON}")


@pytest.fixture(scope="module")
def second(first: BackgroundRun) -> tuple[Done, int]:
    """A run beside it, and how many logins its hosts saw meanwhile."""
    before = logins()
    done = apply(*FREE)
    return done, logins() - before


def _holder() -> dict[str, Any]:
    """Who the lock's file says holds it; while it is being written, nobody."""
    try:
        found: dict[str, Any] = json.loads(LOCK.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return found


def logins() -> int:
    return sum(int(shell(host, LOGINS)) for host in FREE)


def test_the_second_run_is_refused(second: tuple[Done, int]) -> None:
    done, _ = second
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_it_learns_who_works_at_what_since_when(
    first: BackgroundRun, second: tuple[Done, int]
) -> None:
    done, _ = second
    since = datetime.fromisoformat(_holder()["since"])
    assert (datetime.now(UTC) - since).total_seconds() < 600
    told = " ".join(done.stderr.split())
    assert f"deploy.py, process {first.process.pid} of {getpass.getuser()} since" in told
    assert since.isoformat(timespec="seconds") in told


def test_it_connects_to_nobody(second: tuple[Done, int]) -> None:
    assert second[1] == 0


def test_a_plan_beside_it_is_allowed(first: BackgroundRun) -> None:
    before = logins()
    assert plan(*FREE).exit_code == 0
    # That a plan's logins are counted shows that none of the second run's went unseen.
    assert logins() - before >= len(FREE)


def test_the_first_run_goes_on_and_leaves_no_lock(first: BackgroundRun) -> None:
    assert first.process.poll() is None
    shell(HELD, f"touch {GO_ON}")
    done = first.finished()
    assert done.returncode == 0, done.stdout
    assert apply(HELD).returncode == 0
