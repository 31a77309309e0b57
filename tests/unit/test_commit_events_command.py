"""Commit events: the command, which goes on with the others where one repository fails."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from files.commit_events import command, hooks, own_list, spool
from files.commit_events.repository import GitError, Repository
from files.commit_events.settings import Settings
from tests.unit.sample_repository import commit
from tests.unit.watched_repository import *  # noqa: F403  (its fixtures)
from tests.unit.watched_repository import messages


def test_what_somebody_watches_is_known_in_their_home(
    clone: Path, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    told = Settings("", state, state / "m", state / "t", 200, 0, 5, repositories=())
    monkeypatch.setattr(Settings, "read", lambda: told)
    assert command.main(["watch", str(clone)]) == 0
    assert command.main(["watch", str(clone)]) == 0
    assert own_list.read() == [clone]
    commit(clone, b"Without the hook")
    assert command.main(["collect"]) == 0
    assert messages(state) == ["Without the hook"]
    assert command.main(["unwatch", str(clone)]) == 0
    assert own_list.read() == []
    assert not hooks.is_installed(Repository.at(clone))


def test_one_that_fails_does_not_keep_the_others(
    clone: Path,
    state: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = Settings("", state, state / "m", state / "t", 200, 0, 5, repositories=())
    monkeypatch.setattr(Settings, "read", lambda: told)
    commit(clone)
    assert command.main(["collect", str(tmp_path / "none"), str(clone)]) == 1
    assert len(messages(state)) == 1
    assert f"commit-events: {tmp_path / 'none'}: " in capsys.readouterr().err


def test_where_no_repository_is_git_says_so(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="not a git repository"):
        Repository.at(tmp_path)


def test_a_lock_that_is_held_is_waited_for_and_then_given_up(tmp_path: Path) -> None:
    with (
        spool.locked(tmp_path / "lock", 1),
        pytest.raises(spool.BusyError),
        spool.locked(tmp_path / "lock", 0.1),
    ):
        pass


def test_the_programs_need_nothing_but_the_standard_library() -> None:
    package = Path(hooks.__file__).parent
    done = subprocess.run(
        [
            "python3",
            "-I",
            "-S",
            "-c",
            f"import sys; sys.path.insert(0, '{package.parent}');"
            "from commit_events.command import main; main(['--help'])",
        ],
        capture_output=True,
        text=True,
    )
    assert "Tell n8n of the commits" in done.stdout
