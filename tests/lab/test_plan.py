"""The plan: 0 nothing to do, 2 changes, 1 not all could be planned; for people and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from deploys.alertmanager import NO_RECEIVER
from lab import network
from lab.checkout import container_name
from lab.containers import wait_answering, wait_booted
from lab.engine import docker
from tests.lab.announced import differences
from tests.lab.conftest import (
    INVENTORY,
    Done,
    apply,
    observe_all,
    plan,
    plan_command,
    pyinfra,
    shell,
)

BROKEN = "sclimers-gateway"
DRIFTED = "sclimers-grafana"
UNTOUCHED = "sclimers-mlflow"
DOWN, ABSENT = "xps15", "xps13"
THREE = ("--limit", BROKEN, "--limit", DRIFTED, "--limit", UNTOUCHED)

DPKG = "/var/lib/dpkg/status"
STATE = "/var/lib/ai-idp/services/nginx"
UNREADABLE = [
    pytest.param(
        f"mv {DPKG} {DPKG}.aside", f"mv {DPKG}.aside {DPKG}", "the dpkg database", id="packages"
    ),
    pytest.param(
        f"mv {STATE} {STATE}.aside && touch {STATE}",
        f"rm {STATE} && mv {STATE}.aside {STATE}",
        f"{STATE} is not a directory",
        id="files",
    ),
]


@pytest.fixture(scope="module")
def _drifted() -> Iterator[None]:
    shell(DRIFTED, "echo '# by hand' >>/etc/hosts")
    yield
    done = apply(DRIFTED)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def hosts_down() -> Iterator[None]:
    """One host that has to be there is off, and one that may be absent."""
    docker("stop", container_name(DOWN), container_name(ABSENT))
    yield
    _switch_on()


def _switch_on() -> None:
    docker("start", container_name(DOWN), container_name(ABSENT))
    wait_booted((DOWN, ABSENT))
    wait_answering(network.read().hosts[host] for host in (DOWN, ABSENT))


@pytest.mark.usefixtures("lab_converged")
def test_a_converged_lab_has_an_empty_plan_twice() -> None:
    for done in (plan_command(), plan_command()):
        assert done.returncode == 0, done.stdout + done.stderr
        told, *_, summary = done.stdout.strip().splitlines()
        # The lab tells nobody of alerts, which a plan of the real inventory says too.
        assert told == f"sclimers-observation: {NO_RECEIVER}"
        assert summary == "Nothing to do."


@pytest.mark.usefixtures("_drifted")
def test_a_change_is_shown_with_its_diff() -> None:
    done = plan_command(*THREE)
    assert done.returncode == 2
    assert "modify file /etc/hosts" in done.stdout
    assert "      -# by hand\n" in done.stdout
    assert done.stdout.endswith("\n1 change on 1 host.\n")


@pytest.mark.usefixtures("_drifted")
def test_the_json_form_has_the_diffs_too() -> None:
    done = plan_command(*THREE, "--json")
    shown = json.loads(done.stdout)
    assert (done.returncode, shown["exit_code"]) == (2, 2)
    (row,) = _changes(shown)[DRIFTED]
    assert (row["role"], row["action"], row["what"]) == ("Base", "modify", "/etc/hosts")
    assert "\n-# by hand\n" in row["diff"]


@pytest.mark.usefixtures("_drifted")
def test_pyinfra_itself_shows_the_diff() -> None:
    done = pyinfra(INVENTORY, "deploy.py", "--dry", "--diff", "--limit", DRIFTED)
    assert done.returncode == 0, done.stderr
    assert "-# by hand\n" in done.stderr


@pytest.mark.usefixtures("_drifted")
@pytest.mark.parametrize(("spoil", "mend", "reason"), UNREADABLE)
def test_what_cannot_be_read_fails_its_host_and_no_other(
    spoil: str, mend: str, reason: str
) -> None:
    shell(BROKEN, spoil)
    try:
        done = plan_command(*THREE)
        shown = json.loads(plan_command(*THREE, "--json").stdout)
    finally:
        shell(BROKEN, mend)
    assert done.returncode == shown["exit_code"] == 1
    assert f"{BROKEN} could not be planned: " in done.stderr
    assert reason in shown["failed"][BROKEN]
    assert list(shown["failed"]) == [BROKEN]
    assert list(_changes(shown)) == [DRIFTED]
    _assert_no_traceback(done)


def test_a_run_leaves_alone_what_it_cannot_read() -> None:
    spoil, mend, reason = map(str, UNREADABLE[1].values)
    shell(BROKEN, f"echo '# by hand' >>/etc/nginx/nginx.conf && {spoil}")
    try:
        before = observe_all([BROKEN])
        done = apply(BROKEN, UNTOUCHED)
        after = observe_all([BROKEN])
    finally:
        shell(BROKEN, mend)
        repaired = apply(BROKEN)
    assert done.returncode != 0
    assert reason in done.stderr
    assert differences([], before[BROKEN], after[BROKEN]) == []
    assert repaired.returncode == 0, repaired.stderr


@pytest.mark.usefixtures("_drifted", "hosts_down")
def test_a_host_that_is_down_is_named_and_the_others_are_planned() -> None:
    done = plan_command(*THREE, "--limit", DOWN, "--limit", ABSENT)
    assert done.returncode == 1
    assert f"{DOWN} could not be planned: " in done.stderr
    assert f"{ABSENT} is absent (it may be): not planned" in done.stdout
    assert "modify file /etc/hosts" in done.stdout
    _assert_no_traceback(done)


@pytest.mark.usefixtures("hosts_down")
@pytest.mark.parametrize("limit", [(ABSENT,), (ABSENT, BROKEN)], ids=["alone", "with another"])
def test_a_host_that_may_be_absent_fails_no_plan(limit: tuple[str, ...]) -> None:
    found = plan(*limit)
    assert (found.exit_code, found.absent, found.failed) == (0, [ABSENT], {})


@pytest.mark.usefixtures("hosts_down")
def test_a_host_that_was_off_comes_back_as_it_was() -> None:
    _switch_on()
    found = plan(DOWN, ABSENT)
    assert (found.exit_code, found.hosts, found.absent) == (0, {}, [])


def _changes(shown: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {host: rows for host, rows in shown["hosts"].items() if rows}


def _assert_no_traceback(done: Done) -> None:
    assert "Traceback" not in done.stdout + done.stderr
