"""The hub: what it states, what comes from it, and what its client's errors mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, get_hf_file_metadata, hf_hub_download, hf_hub_url
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError

from .checksums import git_blob, mark_of, sha256
from .disk import sync
from .model import Failure, File, Model, write_marks

GIVE = "make secret NAME=models/hub-token GIVE=1"

Stated = dict[tuple[str, str], Any]
"""What the hub says of a file (its `RepoFile`), by the model's name and the path."""


def ask(model: Model, token: str | None, stated: Stated) -> None:
    """Add what the hub states about the missing files; not yet one byte of them comes."""
    allowed = token if model.gated else False
    with translated(model):
        tree = HfApi(token=allowed).list_repo_tree(
            model.repository, recursive=True, revision=model.revision
        )
        # Anybody may see which files there are; only a file tells whether it is behind a gate.
        url = hf_hub_url(model.repository, model.missing[0].path, revision=model.revision)
        get_hf_file_metadata(url, token=allowed)
        there = {entry.path: entry for entry in tree if hasattr(entry, "blob_id")}
    for file in model.missing:
        if file.path not in there:
            raise Failure(
                f"{model.source} has no file {file.path}; it has {', '.join(sorted(there))}"
            )
        contradict(model, file, there[file.path])
        stated[model.name, file.path] = there[file.path]


def contradict(model: Model, file: File, stated: Any) -> None:
    """Refuse at once what the hub itself says is not what the catalogue means."""
    if file.sha256 is None:
        return
    if stated.lfs and stated.lfs.sha256 != file.sha256:
        raise Failure(
            f"the hub states the sha256 {stated.lfs.sha256} for {file.path} of {model.source}, "
            f"expected {file.sha256}; nothing was downloaded: compare both with the file's page"
        )
    if stated.size != file.bytes:
        raise Failure(
            f"the hub states {stated.size} bytes for {file.path} of {model.source}, expected "
            f"{file.bytes}; nothing was downloaded: compare both with the file's page"
        )


@dataclass
class Job:
    """One file on its way."""

    model: Model
    file: File
    stated: Any
    token: str | bool | None
    state: str = "waiting"


def fetch(job: Job) -> None:
    model, file = job.model, job.file
    job.state = "coming"
    with translated(model):
        hf_hub_download(
            model.repository,
            file.path,
            revision=model.revision,
            local_dir=model.incoming,
            token=job.token,
            # Else the client takes a file that is there for good when it cannot reach the hub.
            force_download=True,
        )
    job.state = "being verified"
    path = model.incoming / file.path
    found = verified(model, path, file, job.stated)
    path.chmod(0o644)
    sync(path)
    with model.lock:
        model.marks[file.path] = mark_of(path, found)
        write_marks(model, model.incoming)


def verified(model: Model, path: Path, file: File, stated: Any) -> str:
    """The sha256 of what came; what is not what was asked for is thrown away."""
    found = sha256(path)
    expected = file.sha256 or (stated.lfs.sha256 if stated.lfs else None)
    if expected is None and git_blob(path) != stated.blob_id:
        found, expected = f"git blob {git_blob(path)}", f"git blob {stated.blob_id}"
    if expected is not None and found != expected:
        path.unlink()
        raise Failure(
            f"what {model.source} has as {file.path} is not the model of the catalogue: its sha256 "
            f"is {found}, expected {expected}; it was thrown away and nothing was put in place"
        )
    return found


@contextmanager
def translated(model: Model) -> Iterator[None]:
    """Turns what the client raises (its own errors, httpx', the system's) into a Failure."""
    try:
        yield
    except Exception as error:
        # The client wraps what it meets when it is told to download in any case.
        met = error if isinstance(error, HfHubHTTPError) else error.__cause__ or error
        raise Failure(reason(model, met)) from error


def reason(model: Model, error: BaseException) -> str:
    """What a person can do about what the client met."""
    answer = error.response if isinstance(error, HfHubHTTPError) else None
    status = answer.status_code if answer is not None else 0
    said = (answer.headers.get("X-Error-Message") if answer is not None else "") or ""
    page = f"https://huggingface.co/{model.repository}"
    if isinstance(error, GatedRepoError) and not model.gated:
        return f"{model.repository} is gated: set `gated=True` in its entry of the catalogue"
    if model.gated and status == 401:
        return (
            f"the hub does not know the token ({said or status}); make a new one on "
            f"https://huggingface.co/settings/tokens, then: {GIVE} ROTATE=1"
        )
    if model.gated and status == 403:
        return (
            f"the hub knows the token, but its account has no access ({said or status}); "
            f"accept the licence on {page} with that account, or give the token the right to "
            "read gated repositories"
        )
    last = str(error).strip().splitlines() or [type(error).__name__]
    return f"{model.source} could not be downloaded: {last[0]}"
