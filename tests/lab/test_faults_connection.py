"""Faults of a connection: a host that is lost in the middle of a run fails alone, and soon."""

from __future__ import annotations

import re
import time
from collections.abc import Generator
from dataclasses import dataclass

import pytest

from tests.lab.background_run import BackgroundRun
from tests.lab.conftest import Done, converge, plan, repair, shell
from tests.lab.waiting import wait_until

LOST = "sclimers-grafana"
OTHERS = ("sclimers-gateway", "sclimers-observation", "xps13")
GIVEN_UP_SECONDS = 60

BY_HAND = "printf '# by hand\\n' >>"
EXPORTER = "/etc/default/prometheus-node-exporter"
LATER = {
    "sclimers-gateway": "/etc/nginx/security_headers.conf",
    "sclimers-observation": "/etc/prometheus/prometheus.yml",
}
"""Work of roles that come after the one in which the host is lost."""

# In front of the real one on the PATH of a transaction, whose probe asks with it.
SLOW_CURL = "/usr/local/sbin/curl"
HELD, GO_ON = "/run/curl-is-held", "/run/curl-goes-on"
HOLD = f"""rm -f {HELD} {GO_ON}
cat >{SLOW_CURL} <<'END'
#!/bin/sh
touch {HELD}
for second in $(seq 240); do [ -e {GO_ON} ] || sleep 1; done
exec /usr/bin/curl "$@"
END
chmod 0755 {SLOW_CURL}"""
RELEASE = f"touch {GO_ON}; rm -f {SLOW_CURL} {HELD}"


@dataclass(frozen=True)
class Loss:
    """How a connection ends, and how the host comes back."""

    happen: str
    heal: str = "true"


LOSSES = {
    "its sessions are killed": Loss("pkill -KILL -x sshd-session"),
    # Without an answer of any kind, such as ARP's, the other side learns nothing.
    "its link is silent": Loss(
        "nft -f - <<'END'\n"
        "table inet silence {\n"
        "  chain in { type filter hook input priority -400; policy drop; }\n"
        "  chain out { type filter hook output priority -400; policy drop; }\n"
        "}\nEND",
        "nft delete table inet silence",
    ),
}


@dataclass(frozen=True)
class LostRun:
    """A run that lost a host while an operation there was at work."""

    done: Done
    given_up_after_seconds: float


@pytest.fixture(scope="module")
def start_converged() -> None:
    converge(LOST, *OTHERS)


@pytest.fixture(scope="module", params=LOSSES.values(), ids=[*LOSSES])
def lost_run(request: pytest.FixtureRequest, start_converged: None) -> Generator[LostRun]:
    loss: Loss = request.param
    for host in (LOST, *OTHERS):
        shell(host, f"{BY_HAND}{EXPORTER}")
    for host, path in LATER.items():
        shell(host, f"{BY_HAND}{path}")
    shell(LOST, HOLD)
    try:
        yield _run_and_lose(loss)
    finally:
        shell(LOST, loss.heal)
        shell(LOST, RELEASE)
    repair(LOST, *OTHERS)


def _run_and_lose(loss: Loss) -> LostRun:
    with BackgroundRun(LOST, *OTHERS) as run:
        held = f"test -e {HELD} && echo held"
        wait_until("its operation is at work", lambda: bool(shell(LOST, held, check=False)), 120)
        lost_at = time.monotonic()
        shell(LOST, loss.happen)
        done = run.finished()
        return LostRun(done, run.first_said(rf"\[{LOST}\].*Error") - lost_at)


def test_the_host_is_given_up_within_a_minute(lost_run: LostRun) -> None:
    assert 0 < lost_run.given_up_after_seconds < GIVEN_UP_SECONDS


def test_the_run_fails_and_names_the_host(lost_run: LostRun) -> None:
    assert lost_run.done.returncode == 1
    failed = re.findall(r"\[([\w-]+)\].*Error", lost_run.done.stdout)
    assert set(failed) == {LOST}


def test_nobody_sees_a_traceback(lost_run: LostRun) -> None:
    assert "Traceback" not in lost_run.done.stdout


def test_the_other_hosts_got_everything(lost_run: LostRun) -> None:
    left = plan(*OTHERS)
    assert left.exit_code == 0, left.hosts
