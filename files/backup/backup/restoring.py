"""Restoring: the present data move aside, and those of a snapshot take their place.

All is fetched before anything moves. What moved is noted first, so that a restore which was killed
half-way is taken back by the next one, or at boot.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from . import fetching
from .configuration import STATE, Configuration, Failed, Job
from .copies import SIDECARS
from .place import insist_on_mount
from .record import Record
from .restic import Restic

JOURNAL = STATE / "restoring.json"
BESIDE = STATE / "restored"
FETCHED = "fetched-"
"""How folders begin that a restore fetches into; one that was killed leaves its own."""
SETTLED_SECONDS = 5
"""A server that cannot live from its data mostly ends within that time."""


@dataclass(frozen=True)
class Move:
    """One path that is put back: `new` becomes `place`, and what was there becomes `aside`."""

    place: str
    new: str
    aside: str
    was_there: bool


def restore(configuration: Configuration, record: Record, what: Sequence[str], wanted: str) -> None:
    """Put back `what` (everything that has its place, where that is empty) of one snapshot each."""
    recover()
    for left in STATE.glob(f"{FETCHED}*"):
        fetching.discard(left)
    insist_on_mount(configuration)
    repository = Restic(configuration, record)
    repository.open()
    jobs = [configuration.named(name) for name in what]
    jobs = jobs or [job for job in configuration.jobs if job.in_place]
    # Every one is looked for before the first is put back.
    chosen = [fetching.snapshot(repository, job.what, wanted) for job in jobs]
    for job, snapshot in zip(jobs, chosen, strict=True):
        began = time.monotonic()
        where = _restore(repository, job, snapshot)
        record.own(job.what)
        made = f"{snapshot['short_id']} of {str(snapshot['time'])[:16]}"
        print(f"{job.what}: snapshot {made} is back in {time.monotonic() - began:.1f} s; {where}")


def recover(at_boot: bool = False) -> None:
    """Take back a restore that did not come to its end; nothing where there is none."""
    if not JOURNAL.exists():
        return
    noted = json.loads(JOURNAL.read_text())
    moves, units = [Move(**move) for move in noted["moves"]], noted["units"]
    print("an earlier restore was interrupted; what it had moved is put back")
    if at_boot:
        # The units wait for this one, and a stop would cancel their start.
        _take_back(moves)
    else:
        _systemctl("stop", units)
        _take_back(moves)
        _systemctl("start", units)
    _forget(moves)


def _restore(repository: Restic, job: Job, snapshot: dict[str, object]) -> str:
    """Where to look for what was there before, in a sentence."""
    STATE.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch = Path(tempfile.mkdtemp(prefix=FETCHED, dir=STATE))
    try:
        fetching.fetch(repository, snapshot, scratch)
        places = fetching.present(job, scratch)
        if not job.in_place:
            return _put_beside(scratch, job)
        return _put_in_place(scratch, job, places)
    finally:
        fetching.discard(scratch)


def _put_beside(scratch: Path, job: Job) -> str:
    BESIDE.mkdir(exist_ok=True, mode=0o700)
    folder = BESIDE / f"{job.what}.{_now()}"
    scratch.rename(folder)
    return f"it lies in {folder}, and nothing was replaced: take from there what you need"


def _put_in_place(scratch: Path, job: Job, places: Sequence[str]) -> str:
    stamp = _stamp(places)
    moves = [
        Move(x, f"{x}.restoring", f"{x}.before-restore-{stamp}", os.path.lexists(x)) for x in places
    ]
    try:
        for move in moves:
            _bring(scratch / move.place.lstrip("/"), Path(move.new))
    except BaseException:
        for move in moves:
            _remove(Path(move.new))
        raise
    note = {"moves": [asdict(move) for move in moves], "units": list(job.units)}
    _keep_on_disk(moves)
    _note(json.dumps(note))
    try:
        _systemctl("stop", job.units)
        for move in moves:
            _exchange(move)
        _systemctl("start", job.units, check=True)
        _insist_on(job)
    except BaseException:
        _systemctl("stop", job.units)
        _take_back(moves)
        _systemctl("start", job.units)
        _forget(moves)
        raise
    _forget(moves)
    before = [move.aside for move in moves if os.path.lexists(move.aside)]
    return f"what was there is in {' and '.join(before)}" if before else "nothing was there"


def _bring(source: Path, new: Path) -> None:
    """Have `source` beside its place, on the same disk, so that it gets there by a rename."""
    _remove(new)
    new.parent.mkdir(parents=True, exist_ok=True)
    try:
        source.rename(new)
    except OSError:
        done = subprocess.run(["cp", "-a", "--", source, new], capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(
                f"{source.name} could not be brought to {new.parent}: {done.stderr.strip()}; "
                "nothing was replaced"
            ) from None


def _exchange(move: Move) -> None:
    for end in ("", *SIDECARS):
        with suppress(FileNotFoundError):
            os.rename(f"{move.place}{end}", f"{move.aside}{end}")
    os.rename(move.new, move.place)


def _take_back(moves: Sequence[Move]) -> None:
    """As it was before, from any point of a restore, and of an earlier try to take it back."""
    for move in reversed(moves):
        moved = os.path.lexists(move.aside) or not move.was_there
        if moved and not os.path.lexists(move.new) and os.path.lexists(move.place):
            for end in SIDECARS:
                _remove(Path(f"{move.place}{end}"))
            os.rename(move.place, move.new)
        for end in (*SIDECARS, ""):
            with suppress(FileNotFoundError):
                os.rename(f"{move.aside}{end}", f"{move.place}{end}")
        _remove(Path(move.new))


def _insist_on(job: Job) -> None:
    """Failed unless every unit runs, and goes on to, with what was put back."""
    time.sleep(SETTLED_SECONDS if job.units else 0)
    for unit in job.units:
        shown = subprocess.run(["systemctl", "is-active", unit], capture_output=True, text=True)
        if shown.returncode != 0:
            raise Failed(
                f"{job.what}: {unit} does not run with the snapshot ({shown.stdout.strip()}; "
                f"journalctl -u {unit}); the data that were there before are back"
            )


def _systemctl(verb: str, units: Sequence[str], check: bool = False) -> None:
    if units:
        subprocess.run(["systemctl", "reset-failed", *units], capture_output=True)
        done = subprocess.run(["systemctl", verb, *units], capture_output=True, text=True)
        if check and done.returncode != 0:
            raise Failed(f"`systemctl {verb} {' '.join(units)}` failed: {done.stderr.strip()}")


def _note(text: str) -> None:
    new = JOURNAL.with_suffix(".new")
    with new.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.rename(JOURNAL)
    _sync([STATE])


def _forget(moves: Sequence[Move]) -> None:
    """The moves stay from here on, also after a power cut."""
    _keep_on_disk(moves)
    JOURNAL.unlink()


def _keep_on_disk(moves: Sequence[Move]) -> None:
    """What was written and renamed a moment ago would else be empty or undone by a power cut."""
    _sync(sorted({Path(move.place).parent for move in moves}))


def _sync(folders: Sequence[Path]) -> None:
    # Of their file systems alone: a NAS that does not answer holds up a sync of everything.
    if folders:
        subprocess.run(["sync", "--file-system", "--", *folders], check=True)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _stamp(places: Sequence[str]) -> str:
    """The time, later where an earlier restore of the same second has put something aside."""
    while any(os.path.lexists(f"{place}.before-restore-{_now()}") for place in places):
        time.sleep(0.1)
    return _now()


def _now() -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
