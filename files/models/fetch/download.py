"""Download: all that is missing, a few files at a time, if there is room for it."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from .hub import Job, Stated, ask, fetch
from .model import Failure, Model
from .progress import watch
from .shelf import clear_incoming, examine, publish, report
from .wording import amount

WORKERS = 4


def bring(models: list[Model], root: Path, reserve: int, token: str | None) -> int:
    """Have the models in place; the number of reasons why some are not."""
    clear_incoming(models, root)
    failures: list[str] = []
    waiting = [model for model in models if attempt(failures, model, partial(examine, model))]
    waiting = [model for model in waiting if model.missing]
    stated: Stated = {}
    with ThreadPoolExecutor(WORKERS) as pool:
        steps = [partial(attempt, failures, m, partial(ask, m, token, stated)) for m in waiting]
        asked = [future.result() for future in [pool.submit(step) for step in steps]]
    waiting = [model for model, answered in zip(waiting, asked, strict=True) if answered]
    try:
        require_space(waiting, stated, root, reserve)
        download(waiting, stated, token, failures)
    except Failure as failure:
        failures.append(str(failure))
    for text in failures:
        print(text, file=sys.stderr)
    report(models)
    return len(failures)


def attempt(failures: list[str], model: Model, step: Callable[[], object]) -> bool:
    """Whether a step of this model succeeded; the others go on without it."""
    try:
        step()
    except Failure as failure:
        failures.append(f"{model.name}: {failure}")
        return False
    return True


def require_space(waiting: list[Model], stated: Stated, root: Path, reserve: int) -> None:
    """Refuse all of them together where they do not fit together."""
    sizes = {
        model.name: sum(stated[model.name, file.path].size for file in model.missing)
        for model in waiting
    }
    state = os.statvfs(root)
    free = state.f_bavail * state.f_frsize
    needed = sum(sizes.values())
    if needed and free < needed + reserve:
        listed = ", ".join(f"{name} {amount(size)}" for name, size in sizes.items())
        raise Failure(
            f"{root} has {amount(free)} free; {amount(needed + reserve)} are needed: {listed}, and "
            f"{amount(reserve)} stay free (reserve_gib). Nothing was downloaded: make room there, "
            "or put models that this host does not need into `without`"
        )


def download(
    models: list[Model],
    stated: Stated,
    token: str | None,
    failures: list[str],
) -> None:
    """Bring the missing files, a few at a time: while one is verified, others still come."""
    jobs = [
        Job(model, file, stated[model.name, file.path], token if model.gated else False)
        for model in models
        for file in model.missing
    ]
    ended = threading.Event()
    watcher = threading.Thread(target=watch, args=(jobs, ended), daemon=True)
    watcher.start()
    with ThreadPoolExecutor(WORKERS) as pool:
        for reasons in pool.map(partial(end_of, jobs=jobs), jobs):
            failures += reasons
    ended.set()
    watcher.join()


def end_of(job: Job, jobs: list[Job]) -> list[str]:
    """Bring one file; the last one of a model puts the model in place."""
    failures: list[str] = []
    done = attempt(failures, job.model, partial(fetch, job))
    with job.model.lock:
        job.state = "done" if done else "failed"
        states = {other.state for other in jobs if other.model is job.model}
    if states == {"done"}:
        attempt(failures, job.model, partial(publish, job.model))
    return failures
