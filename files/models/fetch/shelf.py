"""The shelf: what is there of each model, and how one comes and goes as a whole."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from .checksums import mark_of, sha256
from .disk import remove, sync
from .model import Failure, File, Model, read_marks, write_marks
from .wording import amount, say


def clear_incoming(models: list[Model], root: Path) -> None:
    """Throw away what nobody waits for, and the client's partial files: it cannot resume them."""
    wanted = {model.incoming for model in models}
    for parent in (path for path in (root / ".incoming").iterdir() if path.is_dir()):
        for folder in list(parent.iterdir()):
            remove(folder / ".cache" if folder in wanted else folder)
        if not any(parent.iterdir()):
            parent.rmdir()


def examine(model: Model) -> None:
    """Find out what is missing of it. A model that went bad is withdrawn from its readers."""
    if model.folder.is_dir():
        model.marks = read_marks(model.folder)
        model.missing = [file for file in model.files if not is_good(model, model.folder, file)]
        if not model.missing:
            own(model)
            write_marks(model, model.folder)
            return
        withdraw(model)
    model.incoming.mkdir(parents=True, exist_ok=True)
    model.marks = read_marks(model.incoming)
    model.missing = [file for file in model.files if not is_good(model, model.incoming, file)]
    write_marks(model, model.incoming)
    if not model.missing:
        publish(model)


def is_good(model: Model, folder: Path, file: File) -> bool:
    """Whether the file has the bytes that it is known by, or that it was verified with."""
    path = folder / file.path
    if not path.is_file():
        return False
    mark = model.marks.get(file.path, "")
    verified = mark.partition(" ")[0]
    found = verified if mark == mark_of(path, verified) else sha256(path)
    # Without a checksum of ours only what was verified once can be told from what went bad.
    wanted = file.sha256 or verified
    if found == verified != wanted and folder == model.folder:
        raise Failure(
            f"{path} was verified with the sha256 {found}, but {wanted} is asked for; "
            "the bytes of a commit never change: correct the catalogue or its lock file, "
            f"or remove {folder} and run again"
        )
    if found == wanted:
        model.marks[file.path] = mark_of(path, found)
    return found == wanted


def withdraw(model: Model) -> None:
    """Take it from under its readers: they get it back whole or not at all."""
    for container in readers(model.folder):
        run("docker", "stop", container)
        model.stopped.append(container)
    remove(model.incoming)
    model.incoming.parent.mkdir(parents=True, exist_ok=True)
    model.folder.rename(model.incoming)
    for file in model.missing:
        remove(model.incoming / file.path)


def publish(model: Model) -> None:
    """Put the whole model where servers look for it, and give it back to its readers."""
    remove(model.incoming / ".cache")
    own(model, model.incoming)
    model.folder.parent.mkdir(parents=True, exist_ok=True)
    sync(model.incoming)
    model.incoming.rename(model.folder)
    sync(model.folder.parent)
    if not any(model.incoming.parent.iterdir()):
        model.incoming.parent.rmdir()
    for container in model.stopped:
        run("docker", "start", container)
    size = sum((model.folder / file.path).stat().st_size for file in model.files)
    say(f"{model.name}: {amount(size)} verified and in place")


def own(model: Model, folder: Path | None = None) -> None:
    """Give every file to root; a server may read, not write."""
    folder = folder or model.folder
    for file in model.files:
        path = folder / file.path
        if os.geteuid() == 0:
            os.chown(path, 0, 0)
        path.chmod(0o644)


def readers(folder: Path) -> list[str]:
    """Running containers that mount the folder. A stopped engine is not asked: that starts it."""
    active = subprocess.run(["systemctl", "--quiet", "is-active", "docker.service"])
    if active.returncode != 0:
        return []
    return run("docker", "ps", "--quiet", "--no-trunc", "--filter", f"volume={folder}").split()


def run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f"`{' '.join(words)}` failed: {done.stderr.strip()}")
    return done.stdout


def report(models: list[Model]) -> None:
    """Tell what was found where no checksum was known; the control machine locks it."""
    for model in (model for model in models if model.folder.is_dir()):
        for file in model.files:
            if file.sha256 is None and file.path in model.marks:
                checksum, size = model.marks[file.path].split()[:2]
                say(f"found {model.name} {file.path} {size} {checksum}")
