"""`packages.installed` and `packages.removed`: which commands the state of a host leads to."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from facts.packages import Packages
from operations import engine, packages
from operations.packages import to_change
from tests.fake_host import Run, run

ENGINE = "have\tengine\tinstalled\t1.0-1\tinstall"
HELD = "have\tengine\tinstalled\t1.0-1\thold"
SCRIPT = Path(packages.__file__).with_suffix(".sh").read_text()


def command(action: str, names: str, hold: str = "") -> str:
    """Exactly what a host is sent for a change."""
    variables = {"action": action, "packages": names, "hold": hold}
    header = "".join(f"{name}={shlex.quote(value)}\n" for name, value in variables.items())
    log = "/var/log/ai-idp-packages.log"
    return (
        f"umask 077; setsid sh -c {shlex.quote(header + SCRIPT)} </dev/null >{log} 2>&1 & "
        f"wait $! || {{ tail -n 40 {log}; exit 1; }}"
    )


def install(answer: Any, *names: str, **arguments: Any) -> Run:
    return run(lambda: packages.installed(packages=names, **arguments), {"names=$(cat)": answer})


def test_what_is_installed_costs_one_command() -> None:
    outcome = install([ENGINE, "end"], "engine")
    assert outcome.succeeded
    assert len(outcome.commands) == 1


def test_what_is_missing_is_installed_in_one_step() -> None:
    outcome = install([ENGINE, "will\ta\t1", "will\tb\t1", "end"], "b", "engine", "a")
    assert outcome.commands[1:] == [command("install", "a b")]


def test_what_is_in_the_way_goes_in_that_step() -> None:
    outcome = install([ENGINE, "end"], "rival", without=("engine", "other"))
    assert outcome.commands[1:] == [command("install", "rival engine-")]


@pytest.mark.parametrize(
    ("package", "expected"),
    [("engine=1.0-1", []), ("engine=1.0-*", []), ("engine=2.0-*", ["engine=2.0-*"])],
)
def test_a_declared_version_is_kept_up_and_down(package: str, expected: list[str]) -> None:
    outcome = install([ENGINE, "end"], package)
    assert outcome.commands[1:] == [command("install", names) for names in expected]


def test_preferences_move_an_installed_package() -> None:
    outcome = install([ENGINE, "preferred\tengine", "will\tengine\t2\t1", "end"], "engine")
    assert outcome.commands[1:] == [command("install", "engine")]


def test_a_package_to_hold_is_held_and_a_held_one_left_alone() -> None:
    assert install([ENGINE, "end"], "engine", held=True).commands[1:] == [
        command("install", "", hold="engine")
    ]
    assert len(install([HELD, "end"], "engine", held=True).commands) == 1


def test_a_held_package_of_another_version_is_changed_and_held_again() -> None:
    outcome = install([HELD, "will\tengine\t2\t1", "end"], "engine=2", held=True)
    assert outcome.commands[1:] == [command("install", "engine=2", hold="engine")]


@pytest.mark.parametrize("mark", ["unfinished", "guarded"])
def test_what_an_interrupted_run_left_is_repaired(mark: str) -> None:
    assert install([ENGINE, mark, "end"], "engine").commands[1:] == [command("install", "")]


def test_what_cannot_be_read_changes_nothing_and_fails_the_host() -> None:
    outcome = install({"success": False, "stderr": "unreadable: the dpkg database"}, "engine")
    assert not outcome.succeeded
    assert not any("setsid" in text for text in outcome.commands)


def test_packages_are_removed_by_name() -> None:
    outcome = run(
        lambda: packages.removed(packages=("rival", "engine")), {"names=$(cat)": [ENGINE, "end"]}
    )
    assert outcome.commands[1:] == [command("remove", "engine")]


def test_the_order_of_what_is_asked_for_is_always_the_same() -> None:
    found = Packages(installed={"x": "1", "y": "1"})
    assert to_change(("b", "a"), ("y", "x"), found) == ["a", "b", "x-", "y-"]


RIVAL = ["have\trival\tinstalled\t1\tinstall", "will\tengine\t2", "gone\trival", "end"]


def exchange(packages_answer: Any, containers: Any = ("end",)) -> Run:
    answers = {"names=$(cat)": packages_answer, "com.docker.compose": containers}
    return run(lambda: engine.installed(packages=("engine",), without=("rival",)), answers)


def test_an_exchanged_engine_stops_before_and_comes_back_after() -> None:
    outcome = exchange(RIVAL, ["/web\tshop\tweb\tx:1", "end"])
    assert outcome.succeeded
    assert "action=before" in outcome.commands[-1]
    assert "action=after" in outcome.commands[-1]


@pytest.mark.parametrize(
    "answer",
    [["will\tengine\t2", "end"], ["have\tengine\tinstalled\t1\tinstall", "end"]],
    ids=["first one", "same one"],
)
def test_nothing_stops_where_no_engine_is_exchanged(answer: list[str]) -> None:
    outcome = exchange(answer)
    assert outcome.succeeded
    assert not any("action=before" in text for text in outcome.commands)


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Stands in front of the system's programs: each notes its call, and fails as FAILS says."""
    for name in ("apt-get", "apt-mark", "docker", "dpkg", "systemctl"):
        program = tmp_path / name
        program.write_text(
            f'#!/bin/sh\necho "{name} $*" >>{tmp_path}/calls\n'
            'case "${FAILS:-none}" in "${0##*/} $1"*) exit 1 ;; esac\n'
            f'[ "{name} $*" != "docker ps --quiet" ] || cat {tmp_path}/containers\n'
        )
        program.chmod(0o755)
    (tmp_path / "containers").write_text("c1\nc2\n")
    return tmp_path


def run_script(text: str, programs: Path, fails: str = "none") -> list[str]:
    """The calls of a script that a host is sent, its files being below `programs`."""
    for path in ("/usr/sbin/policy-rc.d", "/var/lib/ai-idp", "/var/lib/dpkg"):
        text = text.replace(path, f"{programs}{path}")
    (programs / "usr/sbin").mkdir(parents=True, exist_ok=True)
    path = f"{programs}:{os.environ['PATH']}"
    subprocess.run(["sh", "-c", text], env={"PATH": path, "FAILS": fails}, capture_output=True)
    calls = (programs / "calls").read_text().splitlines()
    return [call for call in calls if call != "dpkg --audit"]


EXCHANGE = f"action=install\npackages=engine\nhold=\nbefore='stop it'\nafter='start it'\n{SCRIPT}"


@pytest.mark.parametrize("fails", ["systemctl stop", "apt-get install", "none"])
def test_what_was_stopped_for_an_exchange_is_started_however_it_ended(
    programs: Path, fails: str
) -> None:
    text = EXCHANGE.replace("stop it", "systemctl stop x").replace("start it", "systemctl start x")
    calls = run_script(text, programs, fails)
    assert calls[-1] == "systemctl start x"
    doing = [call for call in calls if " --simulate " not in call]
    installs = [call for call in doing if call.endswith("install engine")]
    # The first one only downloads.
    assert len(installs) == (1 if fails == "systemctl stop" else 2)


@pytest.mark.parametrize(("entry", "closed"), [("0002", True), ("tmp.i", False)])
def test_a_journal_that_dpkg_does_not_tell_of_is_closed_before_apt_is_asked(
    programs: Path, entry: str, closed: bool
) -> None:
    journal = programs / "var/lib/dpkg/updates"
    journal.mkdir(parents=True)
    (journal / entry).touch()
    calls = run_script(f"action=install\npackages=engine\nhold=\n{SCRIPT}", programs)
    assert calls[0].startswith("dpkg --configure -a ") == closed
    assert calls[-1].startswith("apt-get ")


def engine_script(action: str) -> str:
    return f"set -eu\naction={action}\n{engine.SCRIPT.read_text()}"


def test_an_exchange_that_was_cut_short_is_not_forgotten_by_the_next(programs: Path) -> None:
    (programs / "var/lib/ai-idp").mkdir(parents=True)
    run_script(engine_script("before"), programs)
    (programs / "containers").write_text("c3\n")
    run_script(engine_script("before"), programs)
    (programs / "calls").unlink()
    calls = run_script(engine_script("after"), programs)
    assert [call for call in calls if call.startswith("docker start")] == [
        f"docker start {container}" for container in ("c1", "c2", "c3")
    ]
    assert not (programs / "var/lib/ai-idp/engine.running").exists()


def test_a_stopped_engine_is_not_started_to_stop_its_containers(programs: Path) -> None:
    (programs / "var/lib/ai-idp").mkdir(parents=True)
    (programs / "var/lib/ai-idp/engine.running").write_text("c1\n")
    calls = run_script(engine_script("before"), programs, fails="systemctl is-active")
    assert [call for call in calls if call.startswith("docker")] == []


def test_containers_that_cannot_be_listed_keep_their_engine() -> None:
    outcome = exchange(RIVAL, {"success": False, "stderr": "cannot connect"})
    assert not outcome.succeeded
    assert not any("setsid" in text for text in outcome.commands)
