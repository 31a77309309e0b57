"""Apt repositories of the outside world: signed, under the vendors' names and in their layouts.

A folder below this one is a repository, named as its key in the lock. `repository.json` says where
it is: `host`, `path`, `key` (path of its armored key), `origin`, and `suite` and `component` unless
it is flat. Each folder in its `packages/` is a package:

- `control`: its control file, without Installed-Size
- `versions.txt`: a version a line, each built; `@VERSION@` in `control`, in maintainer scripts and
  in the text files below `root/` becomes it, `@UPSTREAM@` it without epoch and revision
- `root/`: its files, where it has any of its own
- `preinst`, `postinst`, `prerm`, `postrm`, `triggers`, `conffiles`: where it has them
- `standin.txt`: a folder of `lab/standins` and where its files lie, where it has one
- `from.txt`: packages of Debian whose files it takes over; the first one's scripts too
"""

from __future__ import annotations

import json
from pathlib import Path

from lab import images
from lab.checkout import CACHE, LAB
from lab.engine import docker

FOLDER = LAB / "repositories"
KEYS = CACHE / "repository-keys"
BUILDER = "/opt/lab/repositories"


def hosts() -> tuple[str, ...]:
    """The host names under which the repositories are served."""
    files = sorted(FOLDER.glob("*/repository.json"))
    return tuple(dict.fromkeys(json.loads(file.read_text())["host"] for file in files))


def definition() -> bytes:
    """What the repositories are made from: a change of it changes the outside world's image."""
    return images.content(FOLDER, *_standins())


def _standins() -> list[Path]:
    """The folders of `lab/standins` that some package has in it."""
    named = sorted(FOLDER.glob("*/packages/*/standin.txt"))
    return [LAB / "standins" / images.words(file)[0] for file in named]


def build(container: str) -> dict[str, str]:
    """Build and sign all of them inside `container`; returns the fingerprint of each one's key.

    The keys are this machine's and outlive the image, so that a host keeps trusting a repository
    whose content has changed.
    """
    KEYS.mkdir(mode=0o700, parents=True, exist_ok=True)
    docker("cp", str(FOLDER), f"{container}:/opt/lab")
    docker("exec", container, "mkdir", "-p", f"{BUILDER}/standins")
    for folder in _standins():
        docker("cp", f"{folder}/.", f"{container}:{BUILDER}/standins/{folder.name}")
    docker("cp", f"{KEYS}/.", f"{container}:{BUILDER}/keys")
    docker("exec", container, f"{BUILDER}/build.sh")
    docker("cp", f"{container}:{BUILDER}/keys/.", str(KEYS))
    printed = docker("exec", container, "cat", f"{BUILDER}/fingerprints.txt")
    docker("exec", container, "rm", "-rf", BUILDER)
    return dict(line.split() for line in printed.splitlines())
