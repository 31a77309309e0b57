"""Sync: one round of both ways. Nothing that anybody wrote is given up, in the history or a copy.

`BASE` is the commit whose content the working vault had last. What differs from it there is n8n's,
what differs from it on the branch is people's; both are merged. A file that is written at that
moment is left for the next round, and BASE stays where it was until the vault has all of the merge.
n8n's commit is BASE before it is on the branch: a round that is killed in between leaves it to the
next one, which makes no second.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from .entry import Stamp
from .folder import Folder, Seen, is_safe
from .git import EXECUTABLE, FILE, Blob, Git, GitError, Tree

BRANCH, BASE = "refs/heads/main", "refs/ai-idp/working"
TRIES = 10
"""How often somebody may push in the moment between a merge and its landing."""


@dataclass(frozen=True)
class Round:
    """What one round did, and whether some file waits for the next one."""

    committed: int
    written: int
    unfinished: bool


Cache = dict[bytes, tuple[Stamp, str]]
"""The object name of each file, as long as its stamp is the same."""


def sync(git: Git, folder: Folder, cache: Cache) -> Round:
    """Commit, merge, land and write out, once. `cache` is used and brought up to date."""
    base = git.commit_of(BASE)
    seen = folder.scan()
    known = git.tree(base)
    ours, waiting = _working_tree(git, folder, seen, known, cache)
    changed = [path for path in ours if ours[path] != known.get(path)]
    mine = _commit(git, ours, base, changed)
    if mine:
        git.keep(BASE, mine)
    landed = _land(git, mine)
    if landed is None:
        return Round(0, 0, waiting)
    if not mine:
        git.keep(BASE, landed)
    complete, written = _write_out(git, folder, ours, git.tree(landed), seen, cache)
    if complete:
        git.keep(BASE, landed)
    return Round(len(changed), written, waiting or not complete)


def _working_tree(
    git: Git, folder: Folder, seen: Mapping[bytes, Seen], known: Tree, cache: Cache
) -> tuple[dict[bytes, Blob], bool]:
    """What the vault has, upon what it had, and whether some file is not settled yet.

    Nobody removes notes there but people by a push. So a file that is missing comes back, and an
    empty disk empties no history.
    """
    tree = dict(known)
    waiting = False
    for path, one in seen.items():
        if (kept := cache.get(path)) and kept[0] == one.stamp:
            sha = kept[1]
        elif not one.settled or (read := folder.read(path)) is None:
            # Not in `cache` means: somebody's at this moment.
            cache.pop(path, None)
            waiting = True
            continue
        else:
            sha = git.store(read[0])
            cache[path] = (read[1], sha)
        tree[path] = Blob(FILE, sha)
    for path in cache.keys() - seen.keys():
        del cache[path]
    return tree, waiting


def _commit(git: Git, ours: Tree, base: str | None, changed: list[bytes]) -> str | None:
    """A commit of what n8n wrote; the last common one where it wrote nothing."""
    if not changed:
        return base
    names = sorted(os.fsencode(path).decode(errors="replace") for path in changed)
    title = names[0] if len(names) == 1 else f"{len(names)} notes"
    parents = [base] if base else []
    return git.commit(git.store_tree(ours), parents, "\n".join([title, "", *names[:100]]))


def _land(git: Git, mine: str | None) -> str | None:
    """Have the branch hold `mine` and whatever people pushed; its commit then."""
    for _ in range(TRIES):
        theirs = git.commit_of(BRANCH)
        if mine is None or mine == theirs or (theirs and git.reaches(theirs, mine)):
            return theirs
        if theirs is None or git.reaches(mine, theirs):
            merged = mine
        else:
            merged = git.commit(
                _merged(git, mine, theirs), [theirs, mine], "Merge what people pushed"
            )
        if git.move(BRANCH, merged, theirs):
            return merged
    raise GitError(f"{BRANCH} was moved {TRIES} times while a merge was to land, or is locked")


def _merged(git: Git, mine: str, theirs: str) -> str:
    """The merged tree; of what cannot be merged people's version, and ours beside it."""
    merge = git.merge(mine, theirs)
    if not merge.conflicts:
        return merge.tree
    tree = git.tree(merge.tree)
    for path, conflict in merge.conflicts.items():
        tree.pop(path, None)
        ours, people = conflict.ours, conflict.theirs
        if people and ours and people.sha != ours.sha:
            tree[_beside(path, ours.sha)] = ours
        if kept := people or (None if _has_same_content(conflict.base, ours) else ours):
            tree[path] = kept
    return git.store_tree(tree)


def _has_same_content(one: Blob | None, other: Blob | None) -> bool:
    # Of a program that people pushed the sync itself changes the mode alone.
    return one is not None and other is not None and one.sha == other.sha


def _beside(path: bytes, sha: str) -> bytes:
    """The name of a second version: `Daily/x (kept 1a2b3c4d).png`."""
    stem, ending = os.path.splitext(path)
    return stem + f" (kept {sha[:8]})".encode() + ending


def _write_out(
    git: Git,
    folder: Folder,
    ours: Tree,
    landed: Tree,
    seen: Mapping[bytes, Seen],
    cache: Cache,
) -> tuple[bool, int]:
    """Give the vault what `landed` has and it has not; whether all of it, and how many files."""
    complete, written = True, 0
    # What goes first makes room for a folder of its name.
    for path in sorted(ours.keys() | landed.keys(), key=lambda path: (path in landed, path)):
        if is_safe(path) and (wish := _wish(landed.get(path), ours.get(path), path in seen)):
            done = path not in seen or path in cache
            done = done and _given(git, folder, path, wish, seen, cache)
            complete, written = complete and done, written + done
    return complete, written


def _wish(wanted: Blob | None, had: Blob | None, is_there: bool) -> Blob | Literal["gone"] | None:
    """What to make of a path of the vault; None where all is well."""
    if wanted is None:
        return "gone" if is_there and had is not None else None
    # Links and submodules stay in the history, and are nothing in the vault.
    if wanted.mode not in (FILE, EXECUTABLE):
        return None
    return wanted if not is_there or had is None or had.sha != wanted.sha else None


def _given(
    git: Git,
    folder: Folder,
    path: bytes,
    wish: Blob | Literal["gone"],
    seen: Mapping[bytes, Seen],
    cache: Cache,
) -> bool:
    """Have a path as wished; False where somebody writes there at this moment."""
    expected = seen[path].stamp if path in seen else None
    if wish == "gone":
        return expected is None or folder.remove(path, expected)
    stamp = folder.write(path, git.blob(wish.sha), expected)
    if stamp is not None:
        cache[path] = (stamp, wish.sha)
    return stamp is not None
