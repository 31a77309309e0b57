"""Command: what hooks, units and people call."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from . import hooks, own_list, spool
from .collect import begin, collect, end
from .deliver import deliver
from .repository import GitError, Repository
from .settings import Settings

Failures = (OSError, ValueError, KeyError, GitError, spool.BusyError)


def main(arguments: Sequence[str]) -> int:
    """Do what is asked; 1 where that failed for a repository, with a message for each."""
    asked = _parser().parse_args(arguments)
    if asked.verb == "deliver":
        return _each(lambda _: deliver(Settings.read()), [Path()])
    verbs = {"collect": _collect, "watch": _watch, "unwatch": _unwatch, "watched": _watched}
    return _each(verbs[asked.verb], asked.paths or _all_watched())


def _all_watched() -> list[Path]:
    """Those of the roll-out, and the caller's own that still exist."""
    return [*Settings.read().repositories, *(path for path in own_list.read() if path.exists())]


def _each(work: Callable[[Path], None], paths: Sequence[Path]) -> int:
    failed = 0
    for path in paths:
        try:
            work(path)
        except Failures as error:
            failed = 1
            print(f"commit-events: {path}: {error}", file=sys.stderr)
    return failed


def _collect(path: Path) -> None:
    settings = Settings.read()
    found = collect(Repository.at(path), settings.incoming, settings.longest_push)
    if found.left_out:
        print(
            f"ai-idp: the newest {found.spooled} commits get a note, {found.left_out} older ones "
            "get none (setting `longest_push`)",
            file=sys.stderr,
        )


def _watch(path: Path) -> None:
    repository = Repository.at(path)
    begin(repository)
    hooks.install(repository)
    if not repository.bare:
        own_list.add(path.absolute())


def _unwatch(path: Path) -> None:
    repository = Repository.at(path)
    hooks.uninstall(repository)
    end(repository)
    own_list.remove(path.absolute())


def _watched(path: Path) -> None:
    """One line about a repository: what a plan compares with what it recorded."""
    state = "watched" if hooks.is_installed(Repository.at(path)) else "not watched"
    print(f"{path} {state}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="commit-events", description="Tell n8n of the commits of git repositories."
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    described = {
        "collect": "queue what is new in repositories",
        "watch": "have a repository queue each new commit",
        "unwatch": "take that out again",
        "watched": "say whether a repository is watched",
    }
    for verb, help_ in described.items():
        one = verbs.add_parser(verb, help=help_, description=help_)
        one.add_argument("paths", nargs="*", type=Path, metavar="PATH")
    verbs.add_parser("deliver", help="send what is queued")
    return parser
