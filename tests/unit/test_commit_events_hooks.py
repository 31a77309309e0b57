"""Commit events: the hooks of real repositories, beside those of their owners."""

from __future__ import annotations

from pathlib import Path

import pytest

from files.commit_events import hooks
from files.commit_events.repository import Repository
from tests.unit.sample_repository import commit, git
from tests.unit.watched_repository import *  # noqa: F403  (its fixtures)


@pytest.fixture
def hooked(bare: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`bare` with our hook, whose command tells that it ran and fails."""
    command = bare.parent / "commit-events"
    command.write_text(f'#!/bin/sh\necho "$@ in $PWD" >>{bare.parent}/ran\nexit 1\n')
    command.chmod(0o755)
    monkeypatch.setattr(hooks, "HOOK", hooks.HOOK.replace(hooks.COMMAND, str(command)))
    hooks.install(Repository.at(bare))
    return bare


def test_a_push_succeeds_whatever_becomes_of_the_events(clone: Path, hooked: Path) -> None:
    commit(clone)
    git(clone, "push", "--quiet", "origin", "main")
    assert (hooked.parent / "ran").read_text() == f"collect . in {hooked}\n"


def test_a_hook_of_the_owner_s_stays_and_runs_first(clone: Path, bare: Path) -> None:
    own = bare / "hooks" / "post-receive"
    own.parent.mkdir(exist_ok=True)
    own.write_text("#!/bin/sh\ncat >own-input\n")
    own.chmod(0o755)
    repository = Repository.at(bare)
    hooks.install(repository)
    hooks.install(repository)
    sha = commit(clone)
    git(clone, "push", "--quiet", "origin", "main")
    assert (bare / "own-input").read_text().split()[1:] == [sha, "refs/heads/main"]
    hooks.uninstall(repository)
    assert own.read_text() == "#!/bin/sh\ncat >own-input\n"
    assert [path.name for path in own.parent.glob("post-receive*")] == ["post-receive"]


def test_a_clone_has_its_hook_after_commits(clone: Path) -> None:
    repository = Repository.at(clone)
    assert not hooks.is_installed(repository)
    hooks.install(repository)
    assert hooks.is_installed(repository)
    assert hooks.hook(repository) == clone / ".git" / "hooks" / "post-commit"
    hooks.uninstall(repository)
    assert not (clone / ".git" / "hooks" / "post-commit").exists()


def test_hooks_kept_elsewhere_are_found(clone: Path) -> None:
    (clone / "kept").mkdir()
    git(clone, "config", "core.hooksPath", str(clone / "kept"))
    hooks.install(Repository.at(clone))
    assert (clone / "kept" / "post-commit").exists()


def test_the_variables_of_a_hook_do_not_mislead(
    clone: Path, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(clone / ".git"))
    assert Repository.at(bare).git_dir == bare
