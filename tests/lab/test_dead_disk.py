"""A dead disk: guests are destroyed, made anew, rolled out and restored, and have what they had."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass

import pytest

import inventory as production
from deploys.backup_program import CONFIGURATION
from deploys.guest import Guest
from lab.checkout import ROOT, STATE
from tests.lab.conftest import INVENTORY, apply, converge, plan, pyinfra, shell

NODE, OBSERVATION = "xps15", "sclimers-observation"
GUESTS = ("sclimers-automation", "sclimers-mlflow")
TIMES = STATE / "restore-times.json"
"""What each step took for both, in seconds."""

CLEARED = ("workflow_publication_outbox",)
"""Tables that n8n clears by itself of what it has published."""

# Files by their contents, and databases by their rows, of everything that has its place.
HELD = f"""\
import glob, hashlib, json, os, sqlite3
jobs = [job for job in json.load(open("{CONFIGURATION}"))["jobs"] if job["in_place"]]
databases = [path for job in jobs for path in job["databases"]]
aside = tuple(path + end for path in databases for end in ("", "-wal", "-shm", "-journal"))
found = {{}}
for path in [path for job in jobs for path in job["paths"]]:
    for folder, _, names in os.walk(path):
        for name in names:
            file = os.path.join(folder, name)
            if file not in aside and not name.endswith(".log") and os.path.isfile(file):
                found[file] = hashlib.sha256(open(file, "rb").read()).hexdigest()
for path in databases:
    database = sqlite3.connect("file:" + path + "?mode=ro", uri=True)
    tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in tables:
        if table in {CLEARED}:
            continue
        rows = database.execute(f'SELECT count(*) FROM "{{table}}"').fetchone()[0]
        found[path + " " + table] = rows
units = [unit for job in jobs for unit in job["units"]]
print(json.dumps({{"found": found, "units": units}}))
"""


@dataclass(frozen=True)
class Rebuilt:
    """What a guest held before its disk died and after the restore, and what it said between."""

    before: dict[str, str | int]
    after: dict[str, str | int]
    said: str


@pytest.fixture(scope="module")
def nothing_is_told() -> Generator[None]:
    """An alert that begins or ends meanwhile would be written into the notes that are compared."""
    shell(OBSERVATION, "systemctl stop prometheus-alertmanager")
    yield
    shell(OBSERVATION, "systemctl start prometheus-alertmanager")


@pytest.fixture(scope="module")
def rebuilt(nothing_is_told: None) -> dict[str, Rebuilt]:
    """The guests, after their disks died at the same time."""
    converge(NODE, *GUESTS)
    before = {host: backed_up(host) for host in GUESTS}
    for host in GUESTS:
        vmid = Guest.model_validate(dict(production.all)[host]["guest"]).vmid
        shell(NODE, f"pct stop {vmid} && pct destroy {vmid}")
    python("lab", "up")
    limits = [word for host in GUESTS for word in ("--limit", host)]
    times = {
        "make the guests": timed(lambda: python("new_guests", INVENTORY, "--limit", NODE)),
        "roll out": timed(lambda: expect(apply(*GUESTS))),
        "restore": timed(lambda: expect(pyinfra("-y", INVENTORY, "restore.py", *limits))),
        "roll out again": timed(lambda: expect(apply(*GUESTS))),
    }
    TIMES.write_text(json.dumps(times, indent=2) + "\n")
    said = {host: shell(host, "journalctl -u ai-idp-backup.service -o cat") for host in GUESTS}
    return {host: Rebuilt(before[host], resting(host), said[host]) for host in GUESTS}


@pytest.mark.parametrize("host", GUESTS)
def test_a_guest_whose_disk_died_has_what_it_had(host: str, rebuilt: dict[str, Rebuilt]) -> None:
    before, after = rebuilt[host].before, rebuilt[host].after
    assert {name for name in before if not is_kept(before[name], after.get(name))} == set()


@pytest.mark.parametrize("host", GUESTS)
def test_between_the_two_it_sent_none_of_its_empty_data(
    host: str, rebuilt: dict[str, Rebuilt]
) -> None:
    assert "and this host never had that; put it back: make restore" in rebuilt[host].said


def test_nothing_is_left_to_do(rebuilt: dict[str, Rebuilt]) -> None:
    assert plan(*rebuilt).exit_code == 0


def backed_up(host: str) -> dict[str, str | int]:
    """What the host keeps, in its newest backup too: nothing changes between the two."""
    return resting(host, "systemctl start ai-idp-backup.service")


def resting(host: str, meanwhile: str = ":") -> dict[str, str | int]:
    """What the host keeps while nobody writes to it; that command is run in such a time too."""
    _, units = held(host)
    assert units
    shell(host, f"systemctl stop {units}")
    found, _ = held(host)
    shell(host, f"{meanwhile}; systemctl start {units}")
    return found


def is_kept(before: str | int, after: str | int | None) -> bool:
    """A file is the same; a table may have more rows, of what the service did since."""
    return (
        isinstance(after, int) and after >= int(before)
        if isinstance(before, int)
        else (after == before)
    )


def held(host: str) -> tuple[dict[str, str | int], str]:
    """What the host keeps, and the units that use it."""
    seen = json.loads(shell(host, f"python3 - <<'END'\n{HELD}\nEND"))
    return seen["found"], " ".join(seen["units"])


def python(module: str, *arguments: str) -> None:
    command = [sys.executable, "-m", module, *arguments]
    expect(subprocess.run(command, cwd=ROOT, capture_output=True, text=True))


def expect(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def timed(do: Callable[[], None]) -> float:
    began = time.monotonic()
    do()
    return round(time.monotonic() - began, 1)
