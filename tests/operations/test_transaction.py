"""The transaction's remote half, run by a real shell on a set of files below a temporary folder."""

from __future__ import annotations

import grp
import io
import os
import pwd
import signal
import subprocess
import tarfile
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from operations.entries import Directory, Entry, File, Link
from operations.transaction import Steps, Transaction
from tests.processes import started

USER = pwd.getpwuid(os.getuid()).pw_name


class Host:
    """A folder that stands for the root of a host; `land` does what the operation makes it do."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state = root / "state"
        self.state.mkdir()

    def path(self, name: str) -> str:
        return str(self.root / name)

    def file(self, name: str, text: str, mode: str = "0640") -> File:
        return File(self.path(name), text.encode(), mode, owner=USER, group=_group())

    def upload(self, entries: Sequence[Entry], steps: Steps, drop: Sequence[str] = ()) -> Path:
        put = [entry.path for entry in entries]
        transaction = Transaction("demo", entries, put, drop, units=(), steps=steps)
        directory = self.state / "transaction"
        subprocess.run(["rm", "-rf", directory], check=True)
        with tarfile.open(fileobj=io.BytesIO(transaction._archive())) as archive:
            archive.extractall(directory, filter="data")
        return directory

    def land(
        self, entries: Sequence[Entry], steps: Steps | None = None, drop: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        directory = self.upload(entries, steps or Steps(), drop)
        return subprocess.run(start(directory), capture_output=True, text=True, timeout=30)


def start(directory: Path, mode: str = "start") -> list[str]:
    return ["sh", str(directory / "transaction.sh"), mode, str(directory)]


def _group() -> str:
    return grp.getgrgid(os.getgid()).gr_name


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_a_set_lands_with_its_modes_links_and_directories(host: Host) -> None:
    entries: list[Entry] = [
        Directory(host.path("etc/demo"), "0750", USER, _group()),
        host.file("etc/demo/a.conf", "a"),
        Link(host.path("etc/demo/b.conf"), "a.conf"),
    ]
    outcome = host.land(entries)
    assert outcome.returncode == 0, outcome.stdout
    assert (host.root / "etc/demo/b.conf").read_text() == "a"
    assert oct((host.root / "etc/demo/a.conf").stat().st_mode)[-4:] == "0640"
    assert oct((host.root / "etc/demo").stat().st_mode)[-4:] == "0750"


def test_what_is_staged_for_a_landed_set_is_gone_afterwards(host: Host) -> None:
    host.land([host.file("a", "secret")])
    left = {path.name for path in (host.state / "transaction").iterdir()}
    assert not left & {"stage", "old", "steps"}
    assert sorted(path.name for path in host.root.iterdir()) == ["a", "state"]


def test_dropped_files_go_and_dropped_directories_only_when_empty(host: Host) -> None:
    host.land([host.file("d/mine", "1"), host.file("e/mine", "1")])
    (host.root / "d/foreign").write_text("kept")
    drop = [host.path(name) for name in ("e/mine", "e", "d/mine", "d")]
    outcome = host.land([host.file("a", "2")], drop=drop)
    assert outcome.returncode == 0
    assert not (host.root / "e").exists()
    assert [path.name for path in (host.root / "d").iterdir()] == ["foreign"]


def test_a_set_that_does_not_validate_changes_nothing_and_is_quoted(host: Host) -> None:
    host.land([host.file("a", "old")])
    steps = Steps(validate=f"echo $STAGE{host.path('a')}:3: unknown directive >&2; exit 1")
    outcome = host.land([host.file("a", "new")], steps)
    assert outcome.returncode == 10
    assert f"{host.path('a')}:3: unknown directive" in outcome.stdout
    assert "transaction/stage" not in outcome.stdout
    assert (host.root / "a").read_text() == "old"


def test_the_checker_sees_the_whole_staged_set(host: Host) -> None:
    entries = [host.file("a", "1"), host.file("b", "2")]
    check = f'[ "$(cat $STAGE{host.path("a")} $STAGE{host.path("b")})" = 12 ]'
    assert host.land(entries, Steps(validate=check)).returncode == 0


@pytest.mark.parametrize("failing", ["activate", "probe"])
def test_a_failure_after_the_swap_restores_files_modes_and_absence(
    host: Host, failing: str
) -> None:
    host.land([host.file("a", "old", "0600")])
    bad = f"! grep -q new {host.path('a')}"
    steps = Steps(activate=bad) if failing == "activate" else Steps(probe=bad, probe_seconds=0)
    outcome = host.land([host.file("a", "new"), host.file("sub/b", "new")], steps)
    assert outcome.returncode == 11, outcome.stdout
    assert f"'{failing}' failed, the previous state is back and answers" in outcome.stdout
    assert (host.root / "a").read_text() == "old"
    assert oct((host.root / "a").stat().st_mode)[-4:] == "0600"
    assert not (host.root / "sub").exists()


def test_a_restore_activates_the_old_set_again(host: Host) -> None:
    host.land([host.file("a", "old")])
    seen = host.path("seen")
    activate = f"cat {host.path('a')} >> {seen}; echo >> {seen}"
    steps = Steps(activate=activate, probe=f"grep -q old {host.path('a')}", probe_seconds=0)
    host.land([host.file("a", "new")], steps)
    assert Path(seen).read_text().split() == ["new", "old"]


def test_what_ran_before_is_asked_what_it_landed_with(host: Host) -> None:
    host.land([host.file("a", "old")], Steps(probe=f"grep -q old {host.path('a')}"))
    asks_for_more = Steps(probe=f"grep -q newer {host.path('a')}", probe_seconds=0)
    outcome = host.land([host.file("a", "new")], asks_for_more)
    assert outcome.returncode == 11, outcome.stdout
    assert "the previous state is back and answers" in outcome.stdout


def test_a_restore_that_does_not_help_says_so(host: Host) -> None:
    broken = host.path("broken")
    host.land([host.file("a", "old")], Steps(probe=f"[ ! -e {broken} ]"))
    breaks = Steps(activate=f"touch {broken}", probe=f"[ ! -e {broken} ]", probe_seconds=0)
    outcome = host.land([host.file("a", "new")], breaks)
    assert outcome.returncode == 12
    assert "does not answer as it should" in outcome.stdout


def test_a_first_rollout_that_fails_turns_the_service_off_again(host: Host) -> None:
    off = host.path("off")
    steps = Steps(activate="false", deactivate=f"touch {off}")
    outcome = host.land([host.file("a", "new")], steps)
    assert outcome.returncode == 11
    assert Path(off).exists()
    assert not (host.root / "a").exists()


def test_a_full_disk_leaves_nothing_half_written(host: Host) -> None:
    host.land([host.file("a", "old"), host.file("b", "old")])
    big = File(host.path("b"), b"x" * 200_000, "0640", USER, _group())
    directory = host.upload([host.file("a", "new"), big], Steps())
    limited = f"ulimit -f 100; exec {' '.join(start(directory))}"
    outcome = subprocess.run(["sh", "-c", limited], capture_output=True, text=True, timeout=30)
    assert outcome.returncode == 10, outcome.stdout
    assert (host.root / "a").read_text() == "old"
    assert (host.root / "b").read_text() == "old"
    assert sorted(path.name for path in host.root.iterdir()) == ["a", "b", "state"]


def test_it_ends_its_work_when_the_connection_is_killed(host: Host) -> None:
    host.land([host.file("a", "old")])
    steps = Steps(activate="sleep 0.5", probe=f"grep -q old {host.path('a')}", probe_seconds=0)
    directory = host.upload([host.file("a", "new")], steps)
    with started(start(directory), start_new_session=True) as session:
        _wait_until(directory / "swapped")
        os.killpg(session.pid, signal.SIGKILL)
    _wait_until(directory / "result")
    assert (host.root / "a").read_text() == "old"


def test_a_killed_transaction_is_undone_by_recover(host: Host) -> None:
    host.land([host.file("a", "old")])
    directory = host.upload([host.file("a", "new")], Steps(activate="sleep 60"))
    with started(start(directory), stdout=subprocess.PIPE) as session:
        _wait_until(directory / "swapped")
        _wait_for_text(host.root / "a", "new")
        os.killpg(int((directory / "pid").read_text()), signal.SIGKILL)
        output, _ = session.communicate(timeout=30)
    assert session.returncode == 12
    assert "the next run undoes it first" in output
    subprocess.run(start(directory, "recover"), check=True)
    assert (host.root / "a").read_text() == "old"


def test_a_change_that_is_cut_as_it_lands_is_not_undone_beside_the_new_list(host: Host) -> None:
    host.land([host.file("a", "old"), host.file("gone", "old")])
    directory = host.upload([host.file("a", "new")], Steps(), [host.path("gone")])
    script = directory / "transaction.sh"
    mark = "mv ../manifest.new ../manifest"
    assert mark in script.read_text()
    script.write_text(script.read_text().replace(mark, f"{mark}; kill -KILL $$"))
    subprocess.run(start(directory), capture_output=True, timeout=30)
    assert (host.state / "manifest").read_text() == f"{host.path('a')}\n"
    subprocess.run(start(directory, "recover"), check=True)
    assert (host.root / "a").read_text() == "new"
    assert not (host.root / "gone").exists()


def test_what_undoes_a_change_is_on_the_disk_before_the_first_file_is_swapped(host: Host) -> None:
    host.land([host.file("a", "old"), host.file("sub/b", "old")])
    directory = host.upload([host.file("a", "new"), host.file("sub/b", "new")], Steps())
    synced = _note_what_is_synced(directory, shows=host.path("a"))
    assert subprocess.run(start(directory), timeout=30).returncode == 0
    before_swap, mark, _ = synced.read_text().partition("old swapped .\n")
    assert mark
    before = set(before_swap.split())
    kept = {f"old/tree{host.path(name)}" for name in ("a", "sub/b")}
    assert kept | {"transaction.sh", "service", "old/absent", "old/directories", "old"} <= before
    assert "swapped" not in before


def _note_what_is_synced(directory: Path, shows: str) -> Path:
    """Has each `sync` of a transaction leave a line: what `shows` holds then, and its arguments."""
    programs = directory.parent / "programs"
    programs.mkdir()
    tool = programs / "sync"
    tool.write_text(f'#!/bin/sh\necho "$(cat {shows}) $*" >>{programs}/synced\n')
    tool.chmod(0o755)
    script = directory / "transaction.sh"
    # Its own path has no place for a program of the test.
    script.write_text(script.read_text().replace("export PATH=", f"export PATH={programs}:", 1))
    return programs / "synced"


def test_a_change_stays_only_when_a_second_session_confirms_it(host: Host) -> None:
    host.land([host.file("a", "old")])
    directory = host.upload([host.file("a", "new")], Steps(confirm_seconds=10))
    assert subprocess.run(start(directory), timeout=30).returncode == 0
    (directory / "confirmed").touch()
    assert subprocess.run(start(directory, "finish"), timeout=30).returncode == 0
    assert (host.root / "a").read_text() == "new"


def test_a_change_that_nobody_confirms_is_taken_back(host: Host) -> None:
    host.land([host.file("a", "old")])
    directory = host.upload([host.file("a", "new")], Steps(confirm_seconds=1))
    subprocess.run(start(directory), timeout=30, check=True)
    outcome = subprocess.run(start(directory, "finish"), capture_output=True, text=True, timeout=30)
    assert outcome.returncode == 11
    assert "no second SSH session confirmed the change within 1 s" in outcome.stdout
    assert (host.root / "a").read_text() == "old"


def _wait_until(path: Path, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.02)


def _wait_for_text(path: Path, text: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while path.read_text() != text:
        assert time.monotonic() < deadline, f"{path} does not say {text}"
        time.sleep(0.02)
