"""Vault sync: what n8n writes and what people push, on real repositories, at the same time too."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from files.vault.vault_sync import command
from files.vault.vault_sync import sync as rounds
from files.vault.vault_sync.command import Settings
from files.vault.vault_sync.folder import Folder, is_safe
from files.vault.vault_sync.git import FILE, Blob, Git, GitError
from files.vault.vault_sync.sync import BASE, BRANCH, Cache, Round
from tests.unit.sample_repository import commit, git

OLD = 1_700_000_000


@dataclass
class Vault:
    """A bare repository, the working vault beside it, and a person's clone."""

    root: Path
    bare: Path
    clone: Path

    def note(self, name: str, text: str, old: bool = True) -> Path:
        """Write a note as n8n does; `old` ones have been left alone for a while."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if old:
            settle(path)
        return path

    def text(self, name: str) -> str:
        return (self.root / name).read_text()

    def pull(self) -> None:
        git(self.clone, "pull", "--quiet", "--no-rebase", "--no-edit", "origin", "main")

    def push(self) -> None:
        git(self.clone, "push", "--quiet", "origin", "HEAD:main")

    def files(self) -> dict[str, str]:
        """What the branch has: mode by path."""
        rows = git(self.bare, "ls-tree", "-r", "main").splitlines()
        return {row.partition("\t")[2]: row.split()[0] for row in rows}


# The time of an inode cannot be set; the clock of the folder is moved instead.
def settle(path: Path) -> None:
    os.utime(path, (OLD, time.time_ns() % 10**9))


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    found = Vault(tmp_path / "vault", tmp_path / "vault.git", tmp_path / "clone")
    for path in (found.root, found.bare, found.clone, tmp_path / "state"):
        path.mkdir()
    git(found.bare, "init", "--quiet", "--bare")
    (found.bare / "info").mkdir(exist_ok=True)
    (found.bare / "info" / "attributes").write_text("*.md merge=union\n")
    git(found.clone, "init", "--quiet")
    git(found.clone, "remote", "add", "origin", str(found.bare))
    return found


@pytest.fixture
def cache() -> Cache:
    return {}


@pytest.fixture
def sync(vault: Vault, tmp_path: Path, cache: Cache) -> Callable[[], Round]:
    """A round to which everything is settled."""
    repository = Git(vault.bare, tmp_path / "state" / "index")
    return lambda: rounds.sync(repository, Folder(vault.root, 0), cache)


Sync = Callable[[], Round]


def test_what_n8n_wrote_reaches_people(vault: Vault, sync: Sync) -> None:
    vault.note("Commits/2026-11-21 project abc.md", "# A commit\n")
    assert sync() == Round(committed=1, written=0, unfinished=False)
    vault.pull()
    assert (vault.clone / "Commits/2026-11-21 project abc.md").read_text() == "# A commit\n"
    who = git(vault.bare, "log", "-1", "--format=%an <%ae>|%cn|%s", "main")
    assert who == "ai-idp <ai-idp@localhost>|ai-idp|Commits/2026-11-21 project abc.md"


def test_what_people_pushed_reaches_the_vault(vault: Vault, sync: Sync) -> None:
    commit(vault.clone, Daily__today="Mine\n")
    vault.push()
    assert sync() == Round(committed=0, written=1, unfinished=False)
    assert vault.text("Daily/today") == "Mine\n"
    path = vault.root / "Daily" / "today"
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o2770


def test_a_second_round_has_nothing_to_do(vault: Vault, sync: Sync) -> None:
    vault.note("Commits/a.md", "a\n")
    commit(vault.clone, files={"b": "b\n"})
    vault.push()
    sync()
    head = git(vault.bare, "rev-parse", "main")
    assert sync() == Round(0, 0, False)
    assert git(vault.bare, "rev-parse", "main") == head
    assert git(vault.bare, "rev-parse", BASE) == head


def test_both_sides_lines_of_a_note_survive(vault: Vault, sync: Sync) -> None:
    vault.note("Daily/day.md", "start\n")
    sync()
    vault.pull()
    (vault.clone / "Daily/day.md").write_text("start\nfrom a person\n")
    commit(vault.clone)
    vault.push()
    vault.note("Daily/day.md", "start\nfrom n8n\n")
    sync()
    assert sorted(vault.text("Daily/day.md").splitlines()) == ["from a person", "from n8n", "start"]
    vault.pull()
    assert (vault.clone / "Daily/day.md").read_text() == vault.text("Daily/day.md")


def test_attributes_that_people_push_cannot_change_that(vault: Vault, sync: Sync) -> None:
    vault.note("day.md", "start\n")
    sync()
    vault.pull()
    (vault.clone / ".gitattributes").write_text("*.md -merge filter=evil\n")
    (vault.clone / "day.md").write_text("start\nperson\n")
    commit(vault.clone)
    vault.push()
    vault.note("day.md", "start\nn8n\n")
    sync()
    assert set(vault.text("day.md").splitlines()) == {"start", "person", "n8n"}


def test_of_other_files_both_versions_are_kept(vault: Vault, sync: Sync) -> None:
    vault.note("plan.canvas", "old")
    sync()
    vault.pull()
    commit(vault.clone, files={"plan.canvas": "a person's"})
    vault.push()
    vault.note("plan.canvas", "n8n's")
    sync()
    (kept,) = vault.root.glob("plan (kept *).canvas")
    assert (vault.text("plan.canvas"), kept.read_text()) == ("a person's", "n8n's")
    assert sync() == Round(0, 0, False)


def test_what_people_removed_goes_unless_n8n_changed_it(vault: Vault, sync: Sync) -> None:
    vault.note("Commits/a/gone.md", "x\n")
    vault.note("Commits/kept.md", "x\n")
    sync()
    vault.pull()
    git(vault.clone, "rm", "--quiet", "-r", "Commits")
    commit(vault.clone)
    vault.push()
    vault.note("Commits/kept.md", "x\nand more\n")
    sync()
    assert not (vault.root / "Commits/a").exists()
    assert vault.text("Commits/kept.md") == "x\nand more\n"
    assert list(vault.files()) == ["Commits/kept.md"]


def test_a_note_that_cannot_be_removed_holds_up_no_other(
    vault: Vault, sync: Sync, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One of root's, put there by hand: the kernel lets nobody link what they cannot write."""
    for name in ("Daily/a.md", "Daily/b.md"):
        vault.note(name, f"{name}\n")
    sync()
    vault.pull()
    git(vault.clone, "rm", "--quiet", "Daily/a.md")
    commit(vault.clone, new="new\n")
    vault.push()
    link = os.link

    def refused(source: bytes, *rest: Any, **options: Any) -> None:
        if source == b"a.md":
            raise PermissionError(1, "Operation not permitted")
        link(source, *rest, **options)

    monkeypatch.setattr(os, "link", refused)
    assert sync().unfinished
    assert vault.text("new") == "new\n"
    assert vault.text("Daily/a.md") == "Daily/a.md\n"
    assert "'Daily/a.md' cannot be removed" in capsys.readouterr().err
    monkeypatch.undo()
    sync()
    assert not (vault.root / "Daily" / "a.md").exists()


def test_a_vault_that_lost_its_files_gets_them_back(vault: Vault, sync: Sync) -> None:
    vault.note("a.md", "a\n")
    vault.note("b/c.md", "c\n")
    sync()
    (vault.root / "a.md").unlink()
    (vault.root / "b/c.md").unlink()
    sync()
    assert (vault.text("a.md"), vault.text("b/c.md")) == ("a\n", "c\n")
    assert list(vault.files()) == ["a.md", "b/c.md"]


def test_a_repository_that_was_lost_gets_the_notes(vault: Vault, sync: Sync, cache: Cache) -> None:
    vault.note("a.md", "a\n")
    sync()
    git(vault.bare, "update-ref", "-d", BASE)
    git(vault.bare, "update-ref", "-d", BRANCH)
    cache.clear()
    sync()
    assert list(vault.files()) == ["a.md"]


def test_histories_that_know_nothing_of_each_other_are_joined(vault: Vault, sync: Sync) -> None:
    commit(vault.clone, files={"note.md": "person\n"})
    vault.push()
    vault.note("note.md", "n8n\n")
    vault.note("other.md", "n8n\n")
    sync()
    assert set(vault.text("note.md").splitlines()) == {"person", "n8n"}
    assert set(vault.files()) == {"note.md", "other.md"}


def test_a_file_that_was_just_written_waits(vault: Vault, tmp_path: Path) -> None:
    repository = Git(vault.bare, tmp_path / "state" / "index")
    vault.note("Commits/half.md", "half of", old=False)
    cache: Cache = {}
    assert rounds.sync(repository, Folder(vault.root, 60), cache) == Round(0, 0, True)
    assert repository.commit_of(BRANCH) is None
    assert rounds.sync(repository, Folder(vault.root, 0), cache).committed == 1


def test_a_push_does_not_touch_a_file_that_n8n_is_writing(
    vault: Vault, sync: Sync, tmp_path: Path, cache: Cache
) -> None:
    vault.note("day.md", "start\n")
    sync()
    vault.pull()
    (vault.clone / "day.md").write_text("start\nperson\n")
    commit(vault.clone)
    vault.push()
    vault.note("day.md", "start\nhalf of what n8n", old=False)
    repository = Git(vault.bare, tmp_path / "state" / "index")
    busy = rounds.sync(repository, Folder(vault.root, 60), cache)
    assert (busy.unfinished, vault.text("day.md")) == (True, "start\nhalf of what n8n")
    vault.note("day.md", "start\nn8n\n")
    sync()
    assert set(vault.text("day.md").splitlines()) == {"start", "person", "n8n"}


def test_what_is_written_between_look_and_swap_stays(
    vault: Vault, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.note("day.md", "start\n")
    sync()
    vault.pull()
    (vault.clone / "day.md").write_text("start\nperson\n")
    commit(vault.clone)
    vault.push()
    original = Git.blob

    def blob(self: Git, sha: str) -> bytes:
        vault.note("day.md", "start\nn8n at that moment\n")
        monkeypatch.setattr(Git, "blob", original)
        return original(self, sha)

    monkeypatch.setattr(Git, "blob", blob)
    assert sync().unfinished
    assert vault.text("day.md") == "start\nn8n at that moment\n"
    sync()
    assert set(vault.text("day.md").splitlines()) == {"start", "person", "n8n at that moment"}


def test_somebody_who_pushes_meanwhile_is_merged_too(
    vault: Vault, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.note("a.md", "a\n")
    sync()
    vault.pull()
    commit(vault.clone, files={"person.md": "p\n"})
    original = Git.move

    def move(self: Git, ref: str, new: str, old: str | None) -> bool:
        if ref == BRANCH:
            monkeypatch.setattr(Git, "move", original)
            vault.push()
        return original(self, ref, new, old)

    monkeypatch.setattr(Git, "move", move)
    vault.note("b.md", "b\n")
    sync()
    assert set(vault.files()) == {"a.md", "b.md", "person.md"}
    assert vault.text("person.md") == "p\n"


def test_many_notes_while_people_push_are_all_there(vault: Vault, sync: Sync) -> None:
    for number in range(40):
        vault.note(f"Commits/{number}.md", f"{number}\n")
        if number % 8 == 0:
            commit(vault.clone, files={f"Daily/{number}": f"{number}\n"})
            if number:
                vault.pull()
            vault.push()
        sync()
    names = {f"Commits/{n}.md" for n in range(40)} | {f"Daily/{n}" for n in range(0, 40, 8)}
    assert set(vault.files()) == names
    assert {str(p.relative_to(vault.root)) for p in vault.root.rglob("*") if p.is_file()} == names


def pushed_tree(vault: Vault, **blobs: tuple[str, str]) -> None:
    """Push a tree made by hand: path with `__` for `/` to (mode, content)."""
    rows = b""
    for name, (mode, content) in blobs.items():
        sha = git(vault.clone, "hash-object", "-w", "--stdin", given=content.encode())
        rows += f"{mode} {sha}\t{name.replace('__', '/')}\0".encode()
    git(vault.clone, "update-index", "-z", "--add", "--index-info", given=rows)
    tree = git(vault.clone, "write-tree")
    sha = git(vault.clone, "commit-tree", tree, "-m", "By hand")
    git(vault.clone, "push", "--quiet", "origin", f"{sha}:refs/heads/main")


def test_a_pushed_link_is_nothing_in_the_vault(vault: Vault, sync: Sync, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    pushed_tree(
        vault,
        Commits__x=("120000", "/etc/shadow"),
        Daily=("120000", str(tmp_path / "outside")),
        ok=("100644", "fine"),
    )
    assert sync().unfinished is False
    assert [path.name for path in vault.root.rglob("*")] == ["ok"]
    vault.note("Daily/day.md", "n8n\n")
    sync()
    assert vault.text("Daily/day.md") == "n8n\n"
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_link_in_the_vault_is_neither_read_nor_written_through(
    vault: Vault, sync: Sync, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (vault.root / "Daily").symlink_to(outside)
    (vault.root / "link.md").symlink_to(outside / "secret")
    commit(vault.clone, Daily__new="x", files={"link.md": "person\n"})
    vault.push()
    assert sync().unfinished
    assert (outside / "secret").read_text() == "secret"
    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert "secret" not in git(vault.bare, "grep", "--name-only", "-e", "", "main")


def test_a_program_is_a_text_in_the_vault_and_in_git(vault: Vault, sync: Sync) -> None:
    pushed_tree(vault, run_sh=("100755", "#!/bin/sh\n"))
    sync()
    assert not os.access(vault.root / "run_sh", os.X_OK) or os.geteuid() == 0
    assert stat.S_IMODE((vault.root / "run_sh").stat().st_mode) == 0o660
    sync()
    assert vault.files() == {"run_sh": FILE}


def test_a_program_that_people_remove_at_once_is_gone(vault: Vault, sync: Sync) -> None:
    (vault.clone / "run.sh").write_text("#!/bin/sh\n")
    (vault.clone / "run.sh").chmod(0o755)
    commit(vault.clone)
    vault.push()
    sync()
    (vault.clone / "run.sh").unlink()
    commit(vault.clone)
    vault.push()
    sync()
    assert (vault.files(), list(vault.root.iterdir())) == ({}, [])


@pytest.mark.parametrize(
    ("path", "safe"),
    [
        (b"Daily/2026-11-21.md", True),
        (b"..md", True),
        (b".gitignore", True),
        (b".obsidian/app.json", True),
        (b"../etc/passwd", False),
        (b"a/../../b", False),
        (b"/etc/passwd", False),
        (b"a//b", False),
        (b"./a", False),
        (b".git/hooks/post-commit", False),
        (b"a/.GIT/config", False),
        (b".obsidian/workspace.json", False),
        (b".obsidian/workspace-mobile.json", False),
        (b".trash/x.md", False),
        (b"Daily/.ai-idp-new", False),
    ],
)
def test_only_paths_below_the_vault_are_written(path: bytes, safe: bool) -> None:
    assert is_safe(path) == safe


def test_names_with_any_bytes_go_both_ways(vault: Vault, sync: Sync) -> None:
    name = os.fsdecode(b"\xff\xfe line\nbreak.md")
    vault.note(name, "x\n")
    sync()
    vault.pull()
    assert (vault.clone / name).read_text() == "x\n"
    (vault.clone / name).write_text("y\n")
    commit(vault.clone)
    vault.push()
    sync()
    assert vault.text(name) == "y\n"


def test_nothing_of_a_pushed_hook_or_configuration_runs(
    vault: Vault, sync: Sync, tmp_path: Path
) -> None:
    evil = f"touch {tmp_path}/pwned"
    commit(
        vault.clone,
        hooks__post_commit=f"#!/bin/sh\n{evil}\n",
        files={
            ".gitattributes": "* filter=evil\n",
            ".gitmodules": f'[submodule "x"]\nurl=!{evil}\n',
        },
    )
    vault.push()
    vault.note("a.md", "a\n")
    sync()
    sync()
    assert not (tmp_path / "pwned").exists()
    assert vault.text(".gitattributes") == "* filter=evil\n"


@pytest.fixture
def settings(vault: Vault, tmp_path: Path) -> Settings:
    return Settings(
        repository=vault.bare,
        vault=vault.root,
        state=tmp_path / "state",
        metrics=tmp_path / "state" / "vault.prom",
        seeds=tmp_path / "seeds",
        settle_seconds=0.05,
    )


def test_a_run_waits_for_what_is_being_written_and_says_when_it_was_well(
    vault: Vault, settings: Settings
) -> None:
    vault.note("a.md", "a\n", old=False)
    assert command.run(settings) == 0
    assert list(vault.files()) == ["a.md"]
    (line,) = (
        x for x in settings.metrics.read_text().splitlines() if x.startswith("ai_idp_vault_l")
    )
    assert abs(float(line.split()[1]) - time.time()) < 5


def test_a_run_that_leaves_something_fails_and_does_not_say_that_it_was_well(
    vault: Vault, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "PATIENCE_SECONDS", 0)
    vault.note("a.md", "a\n", old=False)
    assert command.run(settings) == 1
    assert not settings.metrics.exists()


def test_what_is_known_of_files_is_kept_between_runs(
    vault: Vault, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.note("a.md", "a\n")
    command.run(settings)
    monkeypatch.setattr(Folder, "read", lambda *_: pytest.fail("it was read again"))
    assert command.run(settings) == 0


def test_a_run_after_one_that_failed_reads_all_anew(vault: Vault, settings: Settings) -> None:
    vault.note("a.md", "a\n")
    (settings.state / "cache.json").write_text(
        json.dumps({"a.md": [list(_stamp(vault.root / "a.md")), "0" * 39 + "1"]})
    )
    with pytest.raises(GitError):
        command.run(settings)
    assert command.run(settings) == 0
    assert list(vault.files()) == ["a.md"]


def _stamp(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def test_seeds_are_planted_once(vault: Vault, settings: Settings) -> None:
    for name in ("Templates/commit.md", ".obsidian/app.json", "Templates/daily.md"):
        path = settings.seeds / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("seed\n")
    vault.note("Templates/daily.md", "mine\n")
    command.plant(settings)
    assert (vault.text("Templates/commit.md"), vault.text("Templates/daily.md")) == (
        "seed\n",
        "mine\n",
    )
    command.run(settings)
    vault.pull()
    git(vault.clone, "rm", "--quiet", "Templates/commit.md")
    commit(vault.clone, files={".obsidian/app.json": "mine\n"})
    vault.push()
    command.run(settings)
    command.plant(settings)
    assert not (vault.root / "Templates/commit.md").exists()
    assert vault.text(".obsidian/app.json") == "mine\n"


def test_a_lock_on_the_index_of_a_killed_run_holds_nothing_up(
    vault: Vault, sync: Sync, tmp_path: Path
) -> None:
    (tmp_path / "state" / "index.lock").touch()
    vault.note("a.md", "a\n")
    sync()
    assert list(vault.files()) == ["a.md"]


@pytest.mark.parametrize("commands", range(12))
def test_what_a_killed_round_committed_is_not_committed_again(
    vault: Vault, sync: Sync, commands: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before any of its commands of git; the next one does what was left."""
    vault.note("a.md", "a\n")
    sync()
    vault.note("b.md", "b\n")
    original, run = Git._run, []

    def killed(self: Git, arguments: tuple[str, ...], given: bytes) -> Any:
        run.append(arguments)
        if len(run) > commands:
            raise KeyboardInterrupt
        return original(self, arguments, given)

    monkeypatch.setattr(Git, "_run", killed)
    with pytest.raises(KeyboardInterrupt):
        sync()
    monkeypatch.undo()
    vault.note("c.md", "c\n")
    sync()
    assert list(vault.files()) == ["a.md", "b.md", "c.md"]
    assert git(vault.bare, "rev-list", "--merges", "main") == ""


def test_what_cannot_be_remembered_is_told_and_not_committed_again(
    vault: Vault, sync: Sync
) -> None:
    """A lock on BASE that was left. A push may hold it too (git-pack-refs(1)): it is not ours."""
    for name in ("a.md", "b.md"):
        vault.note(name, f"{name}\n")
    sync()
    vault.pull()
    git(vault.clone, "rm", "--quiet", "a.md")
    removed = commit(vault.clone)
    vault.push()
    lock = vault.bare / f"{BASE}.lock"
    lock.touch()
    for text in ("more\n", "and more\n"):
        vault.note("b.md", text)
        with pytest.raises(GitError, match=r"working\.lock': File exists"):
            sync()
    assert git(vault.bare, "rev-parse", "main") == removed
    lock.unlink()
    sync()
    assert not (vault.root / "a.md").exists()
    assert (list(vault.files()), vault.text("b.md")) == (["b.md"], "and more\n")


def test_a_remembered_commit_that_a_power_cut_took_is_made_good(
    vault: Vault, sync: Sync, cache: Cache
) -> None:
    vault.note("a.md", "a\n")
    sync()
    (vault.bare / BASE).write_text(f"{'1' * 40}\n")
    cache.clear()
    vault.note("b.md", "b\n")
    sync()
    assert sync() == Round(0, 0, False)
    assert list(vault.files()) == ["a.md", "b.md"]


def test_garbage_that_cannot_be_collected_does_not_hide_that_all_was_well(
    vault: Vault, settings: Settings
) -> None:
    git(vault.bare, "config", "gc.auto", "1")
    (vault.bare / "packed-refs.lock").touch()
    # git takes one of its 256 folders for all (gc.auto in git-config(1)).
    (vault.bare / "objects" / "17").mkdir()
    for number in range(2):
        (vault.bare / "objects" / "17" / f"{number:038}").touch()
    vault.note("a.md", "a\n")
    with pytest.raises(GitError, match=r"^git gc: .*packed-refs\.lock': File exists"):
        command.run(settings)
    assert "ai_idp_vault_last_sync_timestamp_seconds" in settings.metrics.read_text()


def test_a_tree_keeps_the_later_of_a_file_and_a_folder(vault: Vault, tmp_path: Path) -> None:
    repository = Git(vault.bare, tmp_path / "state" / "index")
    sha = repository.store(b"x")
    tree = repository.store_tree({b"a": Blob(FILE, sha), b"a/b": Blob(FILE, sha)})
    assert list(repository.tree(tree)) == [b"a/b"]
