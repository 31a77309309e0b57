"""Faults: an NGINX configuration that is wrong, and a run that is cut off while it is tried out."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from lab.checkout import container_name
from lab.containers import wait_booted
from lab.engine import docker
from tests.lab import gateway
from tests.lab.altered_checkout import AlteredCheckout, finished
from tests.lab.conftest import converge, repair, shell
from tests.lab.request_loop import RequestLoop
from tests.lab.waiting import wait_until

GATEWAY, OBSERVATION = "sclimers-gateway", "sclimers-observation"
ROLE = "deploys.nginx.install"
ROUTE = "templates/nginx/routes/llama_cpp.conf.j2"
MAIN = "templates/nginx/nginx.conf.j2"
TRANSACTION = "/var/lib/ai-idp/services/nginx/transaction"
REQUESTS = 200
LOST_SECONDS = 60
PROBED = "deploys/nginx.py", "probe_seconds=10", "probe_seconds=30"
"""Long enough to kill something meanwhile, also on a busy machine."""


@pytest.fixture(scope="module", autouse=True)
def start_converged() -> None:
    """Every test here finds converged hosts and leaves them so."""
    converge(GATEWAY, OBSERVATION)


@pytest.fixture
def checkout(tmp_path: Path) -> Generator[AlteredCheckout]:
    yield AlteredCheckout(tmp_path)
    converge(GATEWAY, deploy=ROLE)


@pytest.fixture
def unanswerable(checkout: AlteredCheckout) -> AlteredCheckout:
    """Serves all that it served, but its probe never succeeds: a window that can be aimed at."""
    checkout.replace(MAIN, '"revision": "$revision"', '"revision": "another"')
    return checkout


def files() -> str:
    """The configuration on the gateway: content, mode and owner of everything."""
    return shell(
        GATEWAY,
        "cd /etc/nginx && find . -printf '%p %m %u:%g %l\\n' | sort"
        " && find . -type f -exec sha256sum {} + | sort -k 2",
    )


def is_probing() -> bool:
    """Whether the new files are in force and not yet accepted."""
    marks = f"test -e {TRANSACTION}/swapped && test -e {TRANSACTION}/probe_output"
    return "probing" in shell(GATEWAY, f"{marks} && echo probing", check=False)


def has_ended() -> bool:
    return "ended" in shell(GATEWAY, f"test -e {TRANSACTION}/swapped || echo ended")


def test_a_broken_template_is_refused_without_one_failed_request(
    checkout: AlteredCheckout,
) -> None:
    checkout.append(ROUTE, "no_such_directive on;")
    checkout.append("templates/prometheus/prometheus.yml.j2", "# a good change of a later role")
    before, revision = files(), gateway.revision()
    with RequestLoop(gateway.list_models) as client:
        run = checkout.apply(GATEWAY, OBSERVATION)
        client.reach(REQUESTS)
    assert run.returncode != 0
    assert 'unknown directive "no_such_directive" in /etc/nginx/routes/llama_cpp.conf' in run.stdout
    assert client.problems == []
    assert (files(), gateway.revision()) == (before, revision)
    landed = shell(OBSERVATION, "tail -n 1 /etc/prometheus/prometheus.yml")
    assert "good change" in landed, "the hosts that have no problem did not finish"
    repair(OBSERVATION, deploy="deploys.prometheus.install")


def test_a_configuration_that_fails_its_probe_is_undone_without_one_failed_request(
    unanswerable: AlteredCheckout,
) -> None:
    before, revision = files(), gateway.revision()
    with RequestLoop(gateway.list_models) as client:
        run = unanswerable.apply(GATEWAY, deploy=ROLE)
        client.reach(REQUESTS)
    assert run.returncode != 0
    assert '"revision": "another"' in run.stdout, "the error does not show what was answered"
    assert client.problems == []
    assert (files(), gateway.revision()) == (before, revision)


def test_a_configuration_that_stops_answering_is_undone(
    checkout: AlteredCheckout, record_property: Callable[[str, object], None]
) -> None:
    checkout.replace(MAIN, "listen 443 ssl", "listen 8443 ssl")
    before = files()
    with RequestLoop(gateway.list_models) as client:
        run = checkout.apply(GATEWAY, deploy=ROLE)
        client.reach(REQUESTS)
    record_property("gap_seconds", round(client.gap_seconds, 1))
    print(f"no answers for {client.gap_seconds:.1f} s")
    assert run.returncode != 0
    assert client.problems, "the fault was none"
    assert files() == before
    gateway.list_models()


def test_killed_ssh_sessions_do_not_keep_the_gateway_from_restoring_itself(
    unanswerable: AlteredCheckout,
) -> None:
    unanswerable.replace(*PROBED)
    before, revision = files(), gateway.revision()
    with (
        RequestLoop(gateway.list_models) as client,
        unanswerable.applying(GATEWAY, deploy=ROLE) as run,
    ):
        wait_until("the new configuration is probed", is_probing)
        shell(GATEWAY, "pkill -KILL -f '^sshd(-session)?: ai-idp'")
        said = finished(run)
        assert not has_ended(), "the connection was lost too late to show anything"
        wait_until("the transaction ends", has_ended)
    assert said.returncode != 0
    assert f"[{GATEWAY}]" in said.stdout and "lost" in said.stdout
    assert client.problems == []
    assert (files(), gateway.revision()) == (before, revision)


def test_a_killed_transaction_is_undone_and_the_next_run_lands_all_of_its_set(
    unanswerable: AlteredCheckout,
) -> None:
    """What the killed one had put there looks as declared until it is undone."""
    unanswerable.replace(*PROBED)
    unanswerable.append(ROUTE, "# a good change")
    with unanswerable.applying(GATEWAY, deploy=ROLE) as run:
        wait_until("the new configuration is probed", is_probing)
        shell(GATEWAY, f"pkill -KILL --session $(cat {TRANSACTION}/pid)")
        said = finished(run)
    assert said.returncode != 0
    assert "the transaction was killed; the next run undoes it first" in said.stdout
    unanswerable.replace(MAIN, '"revision": "another"', '"revision": "$revision"')
    done = unanswerable.apply(GATEWAY, deploy=ROLE)
    assert done.returncode == 0, done.stderr
    assert "# a good change" in shell(GATEWAY, "cat /etc/nginx/routes/llama_cpp.conf")


def test_a_pulled_cable_does_not_keep_the_gateway_from_restoring_itself(
    unanswerable: AlteredCheckout, cable: None
) -> None:
    before = files()
    with unanswerable.applying(GATEWAY, deploy=ROLE) as run:
        wait_until("the new configuration is probed", is_probing)
        shell(GATEWAY, "ip link set eth0 down")
        wait_until("the transaction ends", has_ended)
        assert files() == before
        run.wait(timeout=LOST_SECONDS)
        said = finished(run)
    assert said.returncode != 0
    assert GATEWAY in said.stdout


@pytest.fixture
def cable(unanswerable: AlteredCheckout) -> Generator[None]:
    """The gateway's link comes up again, with the routes that the kernel drops with it."""
    route = shell(GATEWAY, "ip -4 route show default").strip()
    yield
    shell(GATEWAY, f"ip link set eth0 up && ip route replace {route}")


def test_a_power_cut_is_undone_before_anything_is_served(unanswerable: AlteredCheckout) -> None:
    before, revision = files(), gateway.revision()
    with unanswerable.applying(GATEWAY, deploy=ROLE) as run:
        wait_until("the new configuration is probed", is_probing)
        docker("kill", container_name(GATEWAY))
        docker("start", container_name(GATEWAY))
        wait_booted([GATEWAY])
        assert finished(run).returncode != 0
    assert (files(), gateway.revision()) == (before, revision)
    assert 0 < _moment("ai-idp-recover", "ExecMainExit") < _moment("nginx", "ExecMainStart")


def _moment(unit: str, event: str) -> int:
    """Microseconds since the machine's start; 0 where it has not happened."""
    name = f"{event}TimestampMonotonic"
    return int(shell(GATEWAY, f"systemctl show --property {name} --value {unit}"))
