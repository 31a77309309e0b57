"""Faults of the controller: killed at ten random moments, and the next run makes all of it good."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Generator

import pytest

import secret_store
from tests.lab.background_run import BackgroundRun
from tests.lab.conftest import converge, inventory_hosts, repair, shell
from tests.lab.waiting import wait_until

SEEDS = range(1, 11)
SERVER, GATEWAY, OBSERVATION = "schlimers-server", "sclimers-gateway", "sclimers-observation"
BY_HAND = "printf '# by hand\\n' >>"

DISTURBED = {
    SERVER: f"{BY_HAND}/opt/ai-idp/stacks/llama_cpp/compose.yaml;"
    " rm -f /opt/ai-idp/stacks/llama_cpp/api-key; docker rm --force llama_cpp-server-1",
    GATEWAY: f"{BY_HAND}/etc/nginx/security_headers.conf; rm -f /etc/nginx/tls/gateway.key;"
    " dpkg --remove --force-depends unattended-upgrades",
    OBSERVATION: f"{BY_HAND}/etc/prometheus/prometheus.yml;"
    f" {BY_HAND}/etc/default/prometheus; {BY_HAND}/etc/default/prometheus-node-exporter",
}
UNITS = {
    SERVER: "ssh docker prometheus-node-exporter",
    GATEWAY: "ssh nginx prometheus-node-exporter",
    OBSERVATION: "ssh prometheus prometheus-node-exporter",
}
ROLES = "tests/lab/disturbed_roles.py"
"""So that a moment at random falls upon work, and not upon roles that find nothing to do."""

AT_WORK_SECONDS = 90
"""A transaction goes on without its controller, and is between two states for so long."""

# What a run writes and takes away again: beside targets, in its own state, and around packages.
LEFTOVERS = r"""find / -xdev \( -name '.*.ai-idp' -o -name '*.before-ai-idp' \)
find /var/lib/ai-idp \( -name '*.new' -o -name '*.now' -o -name .new \)
for name in stage steps old swapped awaiting confirmed; do
    find /var/lib/ai-idp/services -path "*/transaction/$name"
done
grep -ls '^# ai-idp:' /usr/sbin/policy-rc.d
find /tmp /var/tmp -mindepth 1 -maxdepth 1 ! -name 'systemd-private-*' ! -name '.*-unix'
! command -v docker >/dev/null || docker ps --all --filter name=-flags --format '{{.Names}}'
ps -eo args | grep '[t]ransaction.sh'
"""


def disturb() -> None:
    for host, command in DISTURBED.items():
        shell(host, command)


def secrets_of_the_store() -> dict[str, str]:
    """The sha256 of every secret's value."""
    store = secret_store.for_data(inventory_hosts()[0].data)
    values = {name: store.get(name).get_secret_value() for name in store.names()}
    return {name: hashlib.sha256(value.encode()).hexdigest() for name, value in values.items()}


def leftovers(host: str) -> set[str]:
    return set(shell(host, LEFTOVERS, check=False).splitlines())


def all_run(host: str) -> Callable[[], bool]:
    """Whether no service of `host` is stopped, however the run there ended."""
    command = f"systemctl is-active --quiet {UNITS[host]} && echo all"
    return lambda: "all" in shell(host, command, check=False)


@pytest.fixture(scope="module")
def start_converged() -> None:
    converge(*DISTURBED)


@pytest.fixture(scope="module")
def run_seconds(start_converged: None) -> Generator[float]:
    """How long a run takes that nobody kills, with the same work to do."""
    disturb()
    began = time.monotonic()
    with BackgroundRun(*DISTURBED, deploy=ROLES) as run:
        done = run.finished()
    assert done.returncode == 0, done.stdout
    yield time.monotonic() - began
    converge(*DISTURBED)


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"seed-{seed}")
def test_a_killed_run_is_made_good_by_the_next(
    seed: int,
    run_seconds: float,
    record_property: Callable[[str, object], None],
) -> None:
    moment = random.Random(seed).random() * run_seconds
    record_property("killed_after_seconds", round(moment, 2))
    secrets = secrets_of_the_store()
    disturb()
    with BackgroundRun(*DISTURBED, deploy=ROLES) as run:
        time.sleep(moment)
        run.kill()
    for host in DISTURBED:
        wait_until(f"every service of {host} runs again", all_run(host), AT_WORK_SECONDS)
    repair(*DISTURBED, deploy=ROLES)
    assert secrets_of_the_store() == secrets
    for host in DISTURBED:
        assert leftovers(host) == set()


@pytest.mark.parametrize(
    "path",
    [
        "/etc/nginx/.nginx.conf.ai-idp",
        "/usr/sbin/policy-rc.d.before-ai-idp",
        "/var/lib/ai-idp/services/nginx/manifest.new",
        "/var/lib/ai-idp/services/nginx/transaction/stage",
        "/tmp/upload",
    ],
)
def test_a_leftover_would_be_seen(path: str, start_converged: None) -> None:
    shell(GATEWAY, f"touch {path}")
    try:
        assert leftovers(GATEWAY) == {path}
    finally:
        shell(GATEWAY, f"rm {path}")
