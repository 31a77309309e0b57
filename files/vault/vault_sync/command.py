"""Command: what the units and the roll-out call."""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .folder import Folder, is_safe
from .git import Git, GitError
from .sync import BRANCH, Cache, sync

PATH = Path("/etc/ai-idp/vault/settings.json")
PATIENCE_SECONDS = 20.0
"""How long one run waits for files that are being written; the timer comes again."""


@dataclass(frozen=True)
class Settings:
    """Content of `settings.json`."""

    repository: Path
    vault: Path
    state: Path
    metrics: Path
    seeds: Path
    settle_seconds: float

    @classmethod
    def read(cls, path: Path = PATH) -> Settings:
        found = json.loads(path.read_text())
        paths = {name: Path(found[name]) for name in ("repository", "vault", "state", "metrics")}
        return cls(**paths, seeds=Path(found["seeds"]), settle_seconds=found["settle_seconds"])

    def git(self) -> Git:
        return Git(self.repository, self.state / "index")

    def folder(self) -> Folder:
        return Folder(self.vault, self.settle_seconds)


def main(arguments: Sequence[str]) -> int:
    """`sync` or `plant`; 1 where that failed, with the reason."""
    verbs = {"sync": run, "plant": plant}
    if len(arguments) != 1 or arguments[0] not in verbs:
        print(f"usage: vault-sync {'|'.join(verbs)}", file=sys.stderr)
        return 2
    try:
        settings = Settings.read()
        # A umask of the caller must not take the group its rights on notes.
        os.umask(0o007)
        with (settings.state / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return verbs[arguments[0]](settings)
    except (OSError, ValueError, KeyError, GitError) as error:
        print(f"vault-sync: {error}", file=sys.stderr)
        return 1


def run(settings: Settings) -> int:
    """Rounds until nothing waits; 1 where something still does after all patience."""
    git, folder, cache = settings.git(), settings.folder(), _read_cache(settings)
    # Should this run fail, the next one reads every file: a repository from a backup may lack some.
    (settings.state / "cache.json").unlink(missing_ok=True)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (done := sync(git, folder, cache)).unfinished and time.monotonic() < deadline:
        time.sleep(settings.settle_seconds)
    _write(settings.state / "cache.json", _cache_text(cache))
    if done.unfinished:
        print("<4>some files are being written all the time, or cannot be written", file=sys.stderr)
    else:
        _write(settings.metrics, _metrics(len(cache)))
    git.run("gc", "--auto", "--quiet")
    return int(done.unfinished)


def plant(settings: Settings) -> int:
    """Put each seed into the vault, once: not where people had it before, and removed it."""
    git, folder = settings.git(), settings.folder()
    known = git.commit_of(BRANCH)
    for seed in sorted(path for path in settings.seeds.rglob("*") if path.is_file()):
        path = os.fsencode(seed.relative_to(settings.seeds))
        if is_safe(path) and not (known and _was_there(git, known, path)):
            folder.write(path, seed.read_bytes(), None)
    return 0


def _was_there(git: Git, commit: str, path: bytes) -> bool:
    literal = f":(literal){os.fsdecode(path)}"
    return bool(git.run("rev-list", "--max-count=1", commit, "--", literal))


def _read_cache(settings: Settings) -> Cache:
    try:
        found = json.loads((settings.state / "cache.json").read_text())
        return {os.fsencode(x): ((s[0], s[1], s[2]), sha) for x, (s, sha) in found.items()}
    except (OSError, ValueError, TypeError, IndexError):
        return {}


def _cache_text(cache: Cache) -> str:
    return json.dumps({os.fsdecode(path): kept for path, kept in cache.items()})


def _metrics(notes: int) -> str:
    return (
        "# HELP ai_idp_vault_last_sync_timestamp_seconds When vault and repository were last one.\n"
        "# TYPE ai_idp_vault_last_sync_timestamp_seconds gauge\n"
        f"ai_idp_vault_last_sync_timestamp_seconds {time.time():.0f}\n"
        "# HELP ai_idp_vault_files Files in the working vault.\n"
        "# TYPE ai_idp_vault_files gauge\n"
        f"ai_idp_vault_files {notes}\n"
    )


def _write(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}")
    beside.write_text(text)
    beside.chmod(0o644)
    os.replace(beside, path)
