"""Vault: what the roll-out puts there, what it plants once, and that git knows its repository."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from deploys.vault import (
    FOLDERS,
    REPOSITORY,
    SEEDS,
    STATE,
    Vault,
    folders,
    program,
    repository,
    seeds,
)
from files.vault.vault_sync.command import Settings as Told
from operations.entries import Directory, Entry, File
from tests.unit.sample_repository import commit, git


def texts(entries: list[Entry]) -> dict[str, bytes]:
    return {entry.path: entry.content for entry in entries if isinstance(entry, File)}


def test_the_note_folders_are_shared_with_the_group_alone() -> None:
    shared = [x for x in folders() if isinstance(x, Directory) and x.path.startswith("/srv/vault")]
    assert [x.path for x in shared] == ["/srv/vault", *(f"/srv/vault/{x}" for x in FOLDERS)]
    assert {(x.mode, x.owner, x.group) for x in shared} == {("2770", "vault", "vault")}


def test_the_declared_directories_and_files_are_a_repository(tmp_path: Path) -> None:
    for entry in repository():
        path = tmp_path / entry.path.removeprefix("/")
        if isinstance(entry, Directory):
            path.mkdir(parents=True)
        if isinstance(entry, File):
            path.write_bytes(entry.content)
    bare = tmp_path / REPOSITORY.removeprefix("/")
    assert git(bare, "rev-parse", "--is-bare-repository") == "true"
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(bare), str(clone))
    commit(clone, a="1")
    git(clone, "push", "--quiet", "origin", "HEAD:main")
    assert git(bare, "rev-parse", "HEAD") == git(clone, "rev-parse", "HEAD")
    assert git(bare, "check-attr", "merge", "Daily/x.md").endswith("union")


def test_notes_in_the_repository_cannot_be_pushed_away(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_bytes(texts(repository())[f"{REPOSITORY}/config"])
    for name in ("receive.denyNonFastForwards", "receive.denyDeletes"):
        assert git(tmp_path, "config", "--file", str(config), name) == "true"


def test_an_object_is_on_the_disk_before_a_branch_names_it(tmp_path: Path) -> None:
    config, trace = tmp_path / "config", tmp_path / "trace"
    git(tmp_path, "init", "--quiet", "--bare", ".")
    config.write_bytes(texts(repository())[f"{REPOSITORY}/config"])
    git(tmp_path, "hash-object", "-w", "--stdin", given=b"x", GIT_TRACE2_EVENT=str(trace))
    assert "fsync/hardware-flush" in trace.read_text()


def test_the_sync_reads_what_it_is_told(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_bytes(texts(program(Vault(settle_seconds=3)))["/etc/ai-idp/vault/settings.json"])
    told = Told.read(path)
    assert (told.settle_seconds, str(told.state), str(told.repository)) == (3, STATE, REPOSITORY)


def test_each_push_and_each_note_starts_the_sync() -> None:
    found = texts(program(Vault(interval_seconds=90)))
    path = found["/etc/systemd/system/ai-idp-vault-sync.path"].decode()
    watched = [line for line in path.splitlines() if line.startswith("PathChanged=")]
    assert watched == [
        f"PathChanged={REPOSITORY}/refs/heads",
        *(f"PathChanged=/srv/vault/{name}" for name in FOLDERS),
    ]
    timer = found["/etc/systemd/system/ai-idp-vault-sync.timer"].decode()
    assert "\nOnUnitInactiveSec=90s\n" in timer


def test_the_unit_may_write_to_three_places() -> None:
    unit = texts(program(Vault()))["/etc/systemd/system/ai-idp-vault-sync.service"].decode()
    assert f"\nReadWritePaths=/srv/vault {REPOSITORY} {STATE}\n" in unit
    assert "\nProtectSystem=strict\n" in unit
    assert "\nUser=vault\nGroup=vault\nUMask=0007\n" in unit


def planted() -> dict[str, str]:
    return {path.removeprefix(f"{SEEDS}/"): text.decode() for path, text in texts(seeds()).items()}


def setting(name: str) -> object:
    return json.loads(planted()[f".obsidian/{name}.json"])


def test_daily_notes_are_made_where_n8n_writes_them() -> None:
    assert setting("daily-notes") == {
        "folder": "Daily",
        "format": "YYYY-MM-DD",
        "template": "Templates/Daily",
    }


def test_every_setting_is_json_and_names_what_is_there() -> None:
    for name, text in planted().items():
        if name.endswith(".json"):
            json.loads(text)
    assert setting("community-plugins") == ["obsidian-git"]
    assert ".obsidian/plugins/obsidian-git/data.json" in planted()


def test_notes_are_pulled_and_pushed_without_hands() -> None:
    found = json.loads(planted()[".obsidian/plugins/obsidian-git/data.json"])
    assert (found["autoPullOnBoot"], found["pullBeforePush"]) == (True, True)
    assert found["syncMethod"] == "merge"
    assert min(found["autoSaveInterval"], found["autoPullInterval"]) > 0


def test_each_kind_of_note_has_a_template_with_flat_front_matter() -> None:
    templates = {x: text for x, text in planted().items() if x.startswith("Templates/")}
    assert set(templates) == {
        f"Templates/{x}.md" for x in ("Commit", "Daily", "Experiment", "Incident")
    }
    for text in templates.values():
        matter = yaml.safe_load(text.replace("{{date}}", "2026-11-21").split("---\n")[1])
        assert isinstance(matter["tags"], list)
        assert not any(isinstance(value, dict) for value in matter.values())
        assert matter["tags"] == [matter["type"]]


def test_windows_of_one_computer_are_not_shared() -> None:
    assert ".obsidian/workspace*.json\n.trash/\n" in planted()[".gitignore"]
