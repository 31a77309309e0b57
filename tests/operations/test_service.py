"""`service.deployed`: which commands a state of the host leads to."""

from __future__ import annotations

import base64
import hashlib
import io
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.command import PyinfraCommand, StringCommand

import secret_store
from facts.service import Found, ServiceState, State, UnitState
from operations import differences, service
from operations.entries import Directory, Entry, File, Link
from operations.transaction import Steps, Transaction
from tests.fake_host import Run, run

CONFIG = File("/etc/demo/demo.conf", b"port 1\n")
ENABLED = "unit\tId=demo.service\tLoadState=loaded\tUnitFileState=enabled"
RUNNING = f"{ENABLED}\tActiveState=active\tNeedDaemonReload=no"
THERE = "entry\tregular file\t644\troot\troot\t/etc/demo/demo.conf\t0\t0"
SUM = f"sum\t{CONFIG.sha256}  /etc/demo/demo.conf"
MANIFEST = "manifest\t/etc/demo/demo.conf"
CONVERGED = [MANIFEST, THERE, SUM, RUNNING, "end"]


SECRET = File("/etc/demo/key", b"coffee-beans", "0600", secret=True)


def deploy(
    state: Any,
    entries: tuple[Any, ...] = (CONFIG,),
    steps: Steps | None = None,
    data: Mapping[str, Any] | None = None,
) -> Run:
    return run(
        lambda: service.deployed(service="demo", entries=entries, units=["demo"], steps=steps),
        {"service=demo": state},
        data,
    )


@pytest.fixture
def store(tmp_path: Path) -> dict[str, str]:
    """A host's data with a secret store of its own, which is what brings secret files."""
    paths = {"secret_store": tmp_path / "secrets", "secret_identity": tmp_path / "identity.txt"}
    data = {key: str(path) for key, path in paths.items()}
    secret_store.for_data(data).ensure([])
    return data


def test_a_converged_service_costs_one_command() -> None:
    outcome = deploy(CONVERGED)
    assert len(outcome.commands) == 1
    assert outcome.succeeded


DRIFT = {
    "file absent": [RUNNING],
    "mode": [MANIFEST, THERE.replace("644", "600"), SUM, RUNNING],
    "group": [MANIFEST, THERE.replace("root\t/", "adm\t/"), SUM, RUNNING],
    "content": [MANIFEST, THERE, f"sum\t{'0' * 64}  {CONFIG.path}", RUNNING],
    "unit stopped": [MANIFEST, THERE, SUM, RUNNING.replace("=active", "=failed")],
    "unit disabled": [MANIFEST, THERE, SUM, RUNNING.replace("=enabled", "=disabled")],
    "unit definition stale": [MANIFEST, THERE, SUM, RUNNING.replace("=no", "=yes")],
    "no longer declared": [MANIFEST, "manifest\t/etc/demo/old", THERE, SUM, RUNNING],
    "interrupted": ["unfinished", MANIFEST, THERE, SUM, RUNNING],
}


@pytest.mark.parametrize("drift", DRIFT)
def test_every_kind_of_drift_starts_one_transaction(drift: str) -> None:
    outcome = deploy([*DRIFT[drift], "end"])
    assert [command.split(" ", 1)[0] for command in outcome.commands[1:]] == ["umask", "sh"]
    start = "/var/lib/ai-idp/services/demo/transaction"
    assert outcome.commands[-1] == f"sh {start}/transaction.sh start {start}"


def test_a_state_that_cannot_be_read_changes_nothing_and_fails_the_host() -> None:
    unreadable = {"success": False, "stderr": "unreadable: /etc/demo: Input/output error"}
    outcome = deploy(unreadable)
    assert not outcome.succeeded
    assert not any("transaction" in command for command in outcome.commands[1:])


def test_a_state_that_ends_in_the_middle_counts_as_unreadable() -> None:
    assert not deploy([THERE]).succeeded


def test_changed_live_settings_start_a_transaction() -> None:
    steps = Steps(live="nft list ruleset")
    same = [*CONVERGED[:-1], "live\tabc\tabc", "end"]
    other = [*CONVERGED[:-1], "live\tabd\tabc", "end"]
    assert len(deploy(same, steps=steps).commands) == 1
    assert len(deploy(other, steps=steps).commands) == 3


def test_a_plan_names_what_a_service_says_is_out_of_place() -> None:
    steps = Steps(live="demo drift")
    state = ServiceState().process([*CONVERGED[:-1], "live\tabc\tabc", "differs\tBy hand", "end"])
    (change,) = differences.setting_changes("demo", steps, state)
    assert (change.kind, change.action, change.what) == ("setting", "restore", "demo: By hand")
    other = replace(state, differing=(), live="abd")
    (change,) = differences.setting_changes("demo", steps, other)
    assert change.what == "demo: demo drift"


def test_what_is_out_of_place_is_read_and_the_sum_is_over_all_that_was_said() -> None:
    said = b"one\ndiffers: By hand\n\n"
    command = ServiceState().command("none-such", live="printf 'one\\ndiffers: By hand\\n\\n'")
    done = subprocess.run(["sh", "-c", command], input="", capture_output=True, text=True)
    state = ServiceState().process(done.stdout.splitlines())
    assert state.differing == ("By hand",)
    assert state.live == hashlib.sha256(said).hexdigest()


def test_a_transaction_carries_the_whole_set_and_names_what_differs() -> None:
    other = File("/etc/demo/other.conf", b"same\n", "0600", secret=True)
    link = Link("/etc/demo/link", "demo.conf")
    entries = (Directory("/etc/demo"), CONFIG, other, link)
    steps = service.steps_with_units(Steps(validate="demo -t"), entries, ["demo"], "reload")
    transaction = Transaction(
        "demo", entries, ["/etc/demo/demo.conf"], ["/etc/old"], ["demo"], steps
    )
    upload = next(transaction.commands())
    assert isinstance(upload, StringCommand)
    members = _members(str(upload.connector_arguments["_stdin"]))
    assert members["stage/etc/demo/demo.conf"] == b"port 1\n"
    assert members["stage/etc/demo/other.conf"] == b"same\n"
    assert members["put"] == b"/etc/demo/demo.conf\n"
    assert members["drop"] == b"/etc/old\n"
    assert members["steps/validate"] == b"demo -t"
    assert members["steps/activate"] == (
        b"systemctl enable --quiet demo\n"
        b"systemctl reset-failed demo 2>/dev/null || :\n"
        b"systemctl reload-or-restart demo\n"
    )
    assert members["entries"].decode().splitlines() == [
        "directory\t0755\troot\troot\t/etc/demo\t-",
        "file\t0644\troot\troot\t/etc/demo/demo.conf\t-",
        "file\t0600\troot\troot\t/etc/demo/other.conf\t-",
        "link\t-\t-\t-\t/etc/demo/link\tdemo.conf",
    ]


def test_no_content_is_in_a_command_line(store: dict[str, str]) -> None:
    outcome = deploy([RUNNING, "end"], (SECRET,), data=store)
    encoded = base64.b64encode(SECRET.content).decode()[:12]
    assert len(outcome.commands) > 1
    assert not any("coffee-beans" in line or encoded in line for line in outcome.commands)


def test_a_set_with_secrets_is_read_on_hosts_of_this_rollout_alone(store: dict[str, str]) -> None:
    read = deploy([RUNNING, "end"], (SECRET,), data=store).commands[0]
    assert f"expected={secret_store.for_data(store).rollout_id}" in read
    assert "expected=" not in deploy(CONVERGED).commands[0]


def test_unit_files_in_the_set_make_systemd_read_them_again() -> None:
    unit = File("/etc/systemd/system/demo.service", b"[Service]\n")
    steps = service.steps_with_units(Steps(), [unit], ["demo"], "restart")
    assert steps.activate.startswith("systemctl daemon-reload\n")


def test_a_secret_file_announces_no_content() -> None:
    secret = File("/etc/demo/key", b"c0ffee", "0600", secret=True)
    (change,) = differences.entry_changes([secret], [], State(), {})
    assert change.diff == "(secret content, not shown)\n"


def test_a_new_file_announces_its_whole_content() -> None:
    (change,) = differences.entry_changes([CONFIG], [], State(), {})
    assert "+port 1" in change.diff
    assert change.detail["sha256"] == CONFIG.sha256


def test_units_are_compared_by_enablement_and_activity() -> None:
    found = State(units={"demo.service": UnitState("loaded", "disabled", "inactive", False)})
    actions = [change.action for change in differences.unit_changes(found, ["demo"])]
    assert actions == ["enable", "start"]


def test_a_link_differs_by_its_target() -> None:
    link = Link("/etc/localtime", "/usr/share/zoneinfo/UTC")
    elsewhere = Found("link", "0777", "root", "root", target="/usr/share/zoneinfo/Europe/Berlin")
    assert differences.differs(link, elsewhere)
    assert not differences.differs(link, Found("link", "0777", "root", "root", target=link.target))


def test_an_owner_without_a_name_on_the_host_is_compared_by_number() -> None:
    key = File("/k", b"k\n", mode="0400", owner="65532", group="65532")
    found = Found("file", "0400", "UNKNOWN", "UNKNOWN", key.sha256, uid="65532", gid="65532")
    assert not differences.differs(key, found)
    assert differences.differs(key, replace(found, uid="65533"))


def test_the_fact_reads_files_links_and_units() -> None:
    state = ServiceState().process(
        [*CONVERGED[:-1], "entry\tsymbolic link\t777\troot\troot\t/l\t0\t0", "link\t/l\t/t", "end"]
    )
    assert state.found["/etc/demo/demo.conf"] == Found(
        "file", "0644", "root", "root", CONFIG.sha256, uid="0", gid="0"
    )
    assert state.found["/l"].target == "/t"
    assert state.units["demo.service"].active == "active"


OLD = "/etc/demo/old"


@pytest.mark.parametrize("unfinished", [False, True])
def test_after_an_interrupted_change_all_is_put_and_removed_again(unfinished: bool) -> None:
    """What it had put and removed is as declared now, and no more once it is undone."""
    lines = [*CONVERGED[:-1], f"manifest\t{OLD}", *["unfinished"] * unfinished, "end"]
    found = ServiceState().process(lines)
    other = File("/etc/demo/other", b"new\n")
    commands: list[PyinfraCommand] = []
    run(lambda: commands.extend(service.land("demo", (CONFIG, other), (), Steps(), found)), {})
    upload = commands[0]
    assert isinstance(upload, StringCommand)
    members = _members(str(upload.connector_arguments["_stdin"]))
    assert members["put"].decode().split() == [CONFIG.path] * unfinished + [other.path]
    assert members["drop"].decode().split() == [OLD] * unfinished


def test_what_an_interrupted_change_had_removed_is_no_news_for_a_plan() -> None:
    found = ServiceState().process(["unfinished", f"manifest\t{OLD}", "end"])
    assert found.removable(found.manifest) == [OLD]
    assert differences.entry_changes([], [OLD], found, {}) == []


def _members(stdin: str) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(stdin))) as archive:
        files = {member.name: archive.extractfile(member) for member in archive}
        return {name: file.read() for name, file in files.items() if file is not None}


def test_the_directories_above_the_entries_are_asked_for_each_once() -> None:
    entries: list[Entry] = [Directory("/etc/demo"), CONFIG, Link("/opt/a/b", "c")]
    assert differences.way_to(entries) == ["/etc", "/opt", "/opt/a"]


def test_a_unit_for_the_boot_is_enabled_and_not_started() -> None:
    found = State(units={"demo.service": UnitState("loaded", "disabled", "inactive", False)})
    planned = differences.enablements(found, ["demo"])
    assert [(change.action, change.what) for change in planned] == [("enable", "demo.service")]
