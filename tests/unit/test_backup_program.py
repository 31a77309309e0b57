"""The backup program, with a restic that keeps snapshots as folders."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import subprocess
import threading
from collections.abc import Generator
from dataclasses import asdict
from pathlib import Path

import pytest

from files.backup.backup import __main__ as command
from files.backup.backup import copies, drills, fetching, place, restoring, sending
from files.backup.backup.configuration import Configuration, Failed, Job, Mirror, load
from files.backup.backup.record import Record
from files.backup.backup.restic import Restic

# Keeps what it is given in $KEPT/<n>, as restic does with its paths, and answers as restic 0.18.
RESTIC = """\
#!/bin/sh
echo "$*" >>"$CALLS"
[ ! -e "$KEPT/password" ] || cmp -s "$KEPT/password" "$RESTIC_PASSWORD_FILE" ||
    { echo 'Fatal: wrong password or no key found' >&2; exit 12; }
[ "$1" != -o ] || shift 2
work=$1; shift
case $work in
init) [ ! -e "$KEPT/keys" ] || { echo 'Fatal: repository already contains keys' >&2; exit 1; }
    mkdir -p "$KEPT"; cp "$RESTIC_PASSWORD_FILE" "$KEPT/password" ;;
cat) [ -e "$KEPT/password" ] || { echo 'Fatal: repository does not exist' >&2; exit 10; }
    echo "{\\"id\\": \\"${ID:-abcdef0123}\\"}" ;;
key) cp "$3" "$KEPT/password" ;;
backup)
    [ -z "$BROKEN" ] || [ "$STATUS" = 3 ] || { echo "Fatal: $BROKEN" >&2; exit 1; }
    while [ "$1" != -- ]; do [ "$1" != --tag ] || tag=$2; shift; done; shift
    number=$(($(ls "$KEPT" | grep -c '^snapshot[^.]*$') + 1)); mkdir -p "$KEPT/snapshot$number$tag"
    for path; do cp -a --parents "$path" "$KEPT/snapshot$number$tag"; done
    echo '{"message_type":"status"}'
    printf '{"message_type":"summary","total_bytes_processed":7,"snapshot_id":"%s"}\n' \\
        "snapshot$number$tag"
    exit "${STATUS:-0}" ;;
tag) touch "$KEPT/$3.$2" ;;
snapshots)
    cd "$KEPT"; printf '['; comma=
    for folder in $(ls | grep '^snapshot[^.]*$'); do
        [ ! -e "$folder.incomplete" ] || also=',"incomplete"'
        number=$(echo "$folder" | tr -dc 0-9); tag=${folder#snapshot?}
        [ ! -d "$folder" ] ||
            { printf '%s{"id":"%s","short_id":"%s","time":"2026-01-01T00:00:0%s",' \\
                "$comma" "$folder" "$folder" "$number"
              printf '"tags":["%s"%s]}' "$tag" "$also"; comma=,; also=; }
    done; printf ']' ;;
restore) cp -a "$KEPT/$1/." "$3" ;;
esac
"""
SYSTEMCTL = """\
#!/bin/sh
echo "systemctl $*" >>"$CALLS"
[ "$1 $2" != "is-active broken.service" ] || { echo failed; exit 3; }
"""
RSYNC = '#!/bin/sh\necho "rsync $*" >>"$CALLS"\necho "Total file size: 1,234 bytes"\n'


class Host:
    """A host with data in `data`, and a place for backups."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.data, self.kept = folder, folder / "data", folder / "kept"
        self.calls, self.metrics = folder / "calls", folder / "textfiles" / "backup.prom"
        self.state = folder / "state"
        self.password, self.previous = folder / "password", folder / "password.previous"
        for made in (self.data, self.state, self.metrics.parent, folder / "bin"):
            made.mkdir()
        self.password.write_text("right")
        self.calls.write_text("")
        for name, text in (("restic", RESTIC), ("systemctl", SYSTEMCTL), ("rsync", RSYNC)):
            (folder / "bin" / name).write_text(text)
            (folder / "bin" / name).chmod(0o755)
        patch.setenv("PATH", f"{folder / 'bin'}:{os.environ['PATH']}")
        patch.setenv("KEPT", str(self.kept))
        patch.setenv("CALLS", str(self.calls))
        patch.setenv("BROKEN", "")
        patch.setattr("files.backup.backup.restic.PASSWORD", self.password)
        patch.setattr("files.backup.backup.restic.PREVIOUS", self.previous)
        patch.setattr(copies, "COPIES", self.state / "copies")
        patch.setattr(fetching, "COPIES", self.state / "copies")
        patch.setattr(restoring, "STATE", self.state)
        patch.setattr(restoring, "BESIDE", self.state / "restored")
        patch.setattr(restoring, "JOURNAL", self.state / "restoring.json")
        patch.setattr(restoring, "SETTLED_SECONDS", 0)
        patch.setattr(drills, "CACHE", folder / "cache")

    def configuration(
        self, *jobs: Job, mount: str = "", mirrors: tuple[Mirror, ...] = ()
    ) -> Configuration:
        keep = {"daily": 7, "weekly": 4, "monthly": 6}
        return Configuration("one", "/nas/one", mount, "", keep, 10, jobs, mirrors)

    def record(self, configuration: Configuration) -> Record:
        return Record(configuration, self.state / "record.json", self.metrics)

    def send(self, *jobs: Job, as_they_are: bool = False) -> None:
        configuration = self.configuration(*jobs)
        sending.send_all(configuration, self.record(configuration), as_they_are)

    def restore(self, *jobs: Job, what: tuple[str, ...] = (), wanted: str = "latest") -> None:
        configuration = self.configuration(*jobs)
        restoring.restore(configuration, self.record(configuration), what, wanted)

    def drill(self, *jobs: Job, damaged: bool = False) -> None:
        configuration = self.configuration(*jobs)
        drills.drill_all(configuration, self.record(configuration), damaged)

    def called(self, *words: str) -> list[str]:
        lines = self.calls.read_text().splitlines()
        return [line for line in lines if line.startswith(words)]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path, monkeypatch)


@pytest.fixture
def notes(host: Host) -> Job:
    folder = host.data / "notes"
    folder.mkdir()
    (folder / "one.md").write_text("first")
    drill = 'grep -q first "$RESTORED' + f'{folder}/one.md"'
    return Job("notes", (str(folder),), units=("notes.service",), drill=drill)


@pytest.fixture
def ledger(host: Host) -> Generator[Job]:
    """A database in the middle of a transaction, with a write-ahead log."""
    path = host.data / "app" / "ledger.db"
    path.parent.mkdir(mode=0o750)
    open_one = sqlite3.connect(path, isolation_level=None)
    open_one.execute("PRAGMA journal_mode=WAL")
    open_one.execute("CREATE TABLE entry (value TEXT)")
    open_one.execute("INSERT INTO entry VALUES ('whole')")
    open_one.execute("BEGIN")
    open_one.execute("INSERT INTO entry VALUES ('half')")
    path.chmod(0o640)
    yield Job("ledger", (str(path.parent),), databases=(str(path),))
    open_one.close()


def values(path: Path) -> list[str]:
    database = sqlite3.connect(path)
    try:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [row[0] for row in database.execute("SELECT value FROM entry")]
    finally:
        database.close()


def lines(file: Path) -> list[str]:
    return [line for line in file.read_text().splitlines() if not line.startswith("#")]


def test_a_backup_is_sent_by_name_and_old_ones_are_forgotten(host: Host, notes: Job) -> None:
    host.send(notes)
    folder = notes.paths[0]
    (backup,) = host.called("backup")
    assert backup == (
        f"backup --json --host one --tag notes -- {folder} {host.state}/copies/owners.json"
    )
    assert host.called("forget") == [
        "forget --host one --group-by host,tags --keep-within 2d --keep-daily 7 --keep-weekly 4 "
        "--keep-monthly 6 --prune --quiet"
    ]
    assert not (host.state / "copies").exists()


def test_locks_of_the_dead_go_before_anything_is_sent(host: Host, notes: Job) -> None:
    host.send(notes)
    works = [line.split()[0] for line in host.calls.read_text().splitlines()]
    assert works == ["cat", "init", "cat", "unlock", "snapshots", "backup", "forget"]


def test_the_metrics_tell_of_each_backup_and_never_of_one_that_failed(
    host: Host, notes: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration = host.configuration(notes)
    host.record(configuration).tell()
    age = 'ai_idp_backup_last_success_timestamp_seconds{repository="/nas/one",what="notes"}'
    assert lines(host.metrics) == [f"{age} 0"]
    host.send(notes)
    told = lines(host.metrics)
    assert told[0].startswith(f"{age} 1")
    assert told[1] == 'ai_idp_backup_size_bytes{repository="/nas/one",what="notes"} 7'
    assert [line.partition("{")[0] for line in told[2:]] == [
        "ai_idp_backup_check_last_success_timestamp_seconds",
        "ai_idp_backup_drill_last_success_timestamp_seconds",
    ]
    assert abs(int(told[3].split()[-1]) - int(told[0].split()[-1])) < 60
    assert host.metrics.stat().st_mode & 0o777 == 0o644
    monkeypatch.setenv("BROKEN", "no space left on device")
    with pytest.raises(
        Failed, match=r"notes: the backup to /nas/one ended with 1: Fatal: no space"
    ):
        host.send(notes)
    assert lines(host.metrics) == told


def test_one_that_fails_keeps_none_of_the_others_back(host: Host, notes: Job) -> None:
    gone = Job("gone", (str(host.data / "gone"),))
    with pytest.raises(Failed, match=f"gone: {host.data}/gone is not there; put it back"):
        host.send(gone, notes)
    assert [line.split()[5] for line in host.called("backup")] == ["notes"]
    assert host.called("forget") == []


def test_what_could_not_be_read_whole_is_tried_once_more_and_then_fails(
    host: Host, notes: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKEN", "incomplete")
    monkeypatch.setenv("STATUS", "3")
    with pytest.raises(Failed, match="ended with 3"):
        host.send(notes)
    assert len(host.called("backup")) == 2
    assert host.called("tag") == [
        "tag --add incomplete snapshot1notes",
        "tag --add incomplete snapshot2notes",
    ]


def test_what_could_not_be_read_whole_is_nobody_s_newest_snapshot(
    host: Host, notes: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.send(notes)
    file = Path(notes.paths[0]) / "one.md"
    file.write_text("lacks much")
    monkeypatch.setenv("STATUS", "3")
    with pytest.raises(Failed, match="ended with 3"):
        host.send(notes)
    host.restore(notes)
    assert file.read_text() == "first"
    host.restore(notes, wanted="snapshot2")
    assert file.read_text() == "lacks much"


def test_a_host_that_was_made_anew_does_not_send_its_empty_data(host: Host, notes: Job) -> None:
    host.send(notes)
    file, record = Path(notes.paths[0]) / "one.md", host.state / "record.json"
    record.unlink()
    file.write_text("fresh")
    with pytest.raises(
        Failed,
        match=r"notes: /nas/one has it as of 2026-01-01T00:00, and this host never had that; put "
        r"it back: make restore LIMIT=one WHAT=notes; or, to begin with what is here now: "
        r"ai-idp-backup run --as-they-are",
    ):
        host.send(notes)
    assert len(host.called("backup")) == 1
    host.restore(notes)
    assert file.read_text() == "first"
    host.send(notes)
    assert len(host.called("backup")) == 2


def test_a_host_that_was_made_anew_may_begin_with_what_it_has(host: Host, notes: Job) -> None:
    host.send(notes)
    (host.state / "record.json").unlink()
    host.send(notes, as_they_are=True)
    host.send(notes)
    assert len(host.called("backup")) == 3


def test_a_look_at_what_has_no_place_is_taken_of_any_host(host: Host, notes: Job) -> None:
    look = Job("look", notes.paths, in_place=False)
    host.send(look)
    (host.state / "record.json").unlink()
    host.send(look)
    assert len(host.called("backup")) == 2


def test_a_first_backup_that_was_killed_is_made_again(
    host: Host, notes: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Record, "backed_up", killed)
        with pytest.raises(KilledError):
            host.send(notes)
    host.send(notes)
    assert len(host.called("backup")) == 2


def killed(*_: object) -> None:
    raise KilledError


def test_a_roll_out_does_not_wait_for_a_backup_that_takes_long(
    host: Host, notes: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = host.folder / "backup.json"
    told.write_text(json.dumps(asdict(host.configuration(notes))))
    monkeypatch.setattr(os, "umask", lambda _: None)
    monkeypatch.setattr(command, "STATE", host.state)
    monkeypatch.setattr(command, "TEXTFILES", host.metrics.parent)
    with (host.state / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert command.main(["--configuration", str(told), "tell"]) == 0
    assert [file.name for file in host.metrics.parent.iterdir()] == ["ai_idp_backup.prom"]


def test_half_a_restore_is_not_backed_up(host: Host, notes: Job) -> None:
    (host.state / "restoring.json").write_text("{}")
    with pytest.raises(Failed, match="a restore was interrupted, so nothing was backed up"):
        host.send(notes)
    assert host.calls.read_text() == ""


def test_what_killed_restores_and_drills_fetched_does_not_fill_the_disk(
    host: Host, notes: Job
) -> None:
    host.send(notes)
    left = host.state / "fetched-killed", host.folder / "cache" / "drill-killed"
    for folder in left:
        folder.mkdir(parents=True)
    host.restore(notes)
    host.drill(notes)
    assert not any(folder.exists() for folder in left)


def test_data_that_cannot_be_brought_to_their_place_leave_nothing_there(
    host: Host, notes: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.send(notes)
    monkeypatch.setattr(Path, "rename", other_file_system)
    cp = host.folder / "bin" / "cp"
    cp.write_text(
        '#!/bin/sh\n[ "$2" = -- ] || exec /bin/cp "$@"\nmkdir "$4"\necho full >&2\nexit 1\n'
    )
    cp.chmod(0o755)
    with pytest.raises(
        Failed, match=r"notes could not be brought to .*: full; nothing was replaced"
    ):
        restoring._put_in_place(host.kept / "snapshot1notes", notes, notes.paths)
    assert [entry.name for entry in host.data.iterdir()] == ["notes"]


def other_file_system(*_: object) -> None:
    raise OSError("Invalid cross-device link")


def test_a_database_comes_back_without_half_a_transaction(host: Host, ledger: Job) -> None:
    host.send(ledger)
    (backup,) = host.called("backup")
    path = Path(ledger.databases[0])
    for left_out in (path, f"{path}-wal", f"{path}-shm", f"{path}-journal"):
        assert f"--exclude={left_out} " in backup
    host.restore(ledger)
    assert values(path) == ["whole"]
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.parent.stat().st_mode & 0o777 == 0o750
    assert [entry.name for entry in path.parent.iterdir()] == ["ledger.db"]


def test_a_database_is_copied_while_others_write(host: Host) -> None:
    path = host.data / "busy.db"
    database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    database.execute("CREATE TABLE entry (value TEXT)")
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            database.execute("BEGIN")
            database.executemany("INSERT INTO entry VALUES (?)", [("x" * 500,)] * 20)
            database.execute("COMMIT")

    writer = threading.Thread(target=write)
    writer.start()
    job = Job("busy", databases=(str(path),))
    try:
        host.send(job)
    finally:
        stop.set()
        writer.join()
        database.close()
    host.restore(job)
    assert len(values(path)) % 20 == 0


def test_a_damaged_database_is_not_backed_up_as_if_it_were_whole(host: Host) -> None:
    path = host.data / "bad.db"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(Failed, match=r"bad.db could not be copied \(file is not a database\)"):
        host.send(Job("bad", databases=(str(path),)))


def test_a_push_during_a_backup_leaves_no_branch_without_its_commits(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = host.data / "git"
    refs, packed = home / "one.git" / "refs", home / "one.git" / "packed-refs"
    (refs / "heads").mkdir(parents=True, mode=0o2770)
    (refs / "heads").chmod(0o2770)
    (refs / "heads" / "main").write_text("before")
    packed.write_text("packed")
    job = Job("git", (str(home),), early=(f"{home}/*.git/refs", f"{home}/*.git/packed-refs"))
    with copies.made(job) as paths:
        (refs / "heads" / "main").write_text("pushed meanwhile")
        (copied,) = [Path(path) for path in paths if path.endswith("/refs")]
        assert (copied / "heads" / "main").read_text() == "before"
        assert (copied / "heads").stat().st_mode & 0o7777 == 0o2770
    assert {str(refs), str(packed)} == {
        str(path) for pattern in copies.left_out(job) for path in Path("/").glob(pattern[1:])
    }
    host.send(job)
    (backup,) = host.called("backup")
    assert f"--exclude={home}/*.git/refs --exclude={home}/*.git/packed-refs " in backup
    host.restore(job)
    assert (refs / "heads" / "main").read_text() == "pushed meanwhile"
    assert packed.read_text() == "packed"


def test_what_is_held_is_linked_and_comes_back_without_the_rest(host: Host) -> None:
    data = host.data / "metrics"
    block = data / "01BLOCK" / "chunks"
    block.mkdir(parents=True)
    (block / "000001").write_text("samples")
    (data / "wal").write_text("newest")
    job = Job("metrics", held=(f"{data}/01*",))
    host.send(job)
    assert not (data / copies.HELD).exists()
    assert (block / "000001").stat().st_nlink == 1
    host.restore(job)
    assert (data / "01BLOCK" / "chunks" / "000001").read_text() == "samples"
    assert sorted(entry.name for entry in data.iterdir()) == ["01BLOCK"]
    (aside,) = host.data.glob("metrics.before-restore-*")
    assert (aside / "wal").read_text() == "newest"


def test_a_restore_stops_the_units_moves_aside_and_starts_them(host: Host, notes: Job) -> None:
    host.send(notes)
    folder = Path(notes.paths[0])
    (folder / "one.md").write_text("spoilt")
    host.restore(notes)
    assert (folder / "one.md").read_text() == "first"
    (aside,) = host.data.glob("notes.before-restore-*")
    assert (aside / "one.md").read_text() == "spoilt"
    assert host.called("systemctl stop", "systemctl start", "systemctl is-active") == [
        "systemctl stop notes.service",
        "systemctl start notes.service",
        "systemctl is-active notes.service",
    ]
    assert not list(host.state.glob("fetched-*")) and not (host.state / "restoring.json").exists()


def test_a_named_snapshot_is_restored_and_an_unknown_one_refused(host: Host, notes: Job) -> None:
    host.send(notes)
    file = Path(notes.paths[0]) / "one.md"
    file.write_text("second")
    host.send(notes)
    host.restore(notes, wanted="snapshot1")
    assert file.read_text() == "first"
    with pytest.raises(
        Failed, match=r"has no snapshot nine of notes; there are: snapshot1notes of"
    ):
        host.restore(notes, wanted="nine")


def test_without_a_snapshot_nothing_is_touched(host: Host, notes: Job) -> None:
    other = Job("other", (str(host.data / "other"),))
    host.send(notes)
    with pytest.raises(
        Failed, match=r"has no snapshot of other; there are: none. Nothing was changed"
    ):
        host.restore(notes, other)
    assert host.called("systemctl", "restore") == []


def test_data_that_its_unit_cannot_live_from_do_not_stay(host: Host, notes: Job) -> None:
    job = Job("notes", notes.paths, units=("broken.service",))
    host.send(job)
    file = Path(notes.paths[0]) / "one.md"
    file.write_text("present")
    with pytest.raises(Failed, match=r"broken.service does not run with the snapshot"):
        host.restore(job)
    assert file.read_text() == "present"
    assert [entry.name for entry in host.data.iterdir()] == ["notes"]


class KilledError(BaseException):
    """The end of the process, at a point of a test's choice."""


@pytest.mark.parametrize("renames", range(12))
@pytest.mark.parametrize("there", [True, False])
def test_a_restore_that_was_killed_anywhere_is_taken_back(
    host: Host, notes: Job, renames: int, there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, other = Path(notes.paths[0]), host.data / "other"
    other.write_text("other first")
    job = Job("notes", (*notes.paths, str(other)))
    host.send(job)
    (folder / "one.md").write_text("present")
    if there:
        other.write_text("other present")
        Path(f"{other}-wal").write_text("its log")
    else:
        other.unlink()
    before = tree(host.data)
    with monkeypatch.context() as patch:
        die_after(renames, patch)
        with pytest.raises(KilledError):
            host.restore(job)
            raise KilledError  # All went well.
    if not (host.state / "restoring.json").exists():
        return
    with monkeypatch.context() as patch:
        die_after(renames % 3, patch)
        try:
            restoring.recover()
        except KilledError:
            patch.undo()
            restoring.recover()
    assert tree(host.data) == before


def test_what_is_put_back_is_on_the_disk_before_the_restore_counts(host: Host, notes: Job) -> None:
    host.send(notes)
    file = Path(notes.paths[0]) / "one.md"
    file.write_text("present")
    noted = "$([ -e restoring.json ] && echo noted)"
    tool = host.folder / "bin" / "sync"
    tool.write_text(f'#!/bin/sh\ncd {host.state}\necho "$(cat {file}) {noted} $*" >>"$CALLS"\n')
    tool.chmod(0o755)
    host.restore(notes)
    assert host.called("present", "first") == [
        f"present  --file-system -- {host.data}",
        f"present noted --file-system -- {host.state}",
        f"first noted --file-system -- {host.data}",
    ]


def test_at_boot_no_unit_is_stopped_which_would_cancel_its_start(
    host: Host, notes: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job("notes", notes.paths, units=("notes.service",))
    host.send(job)
    file = Path(notes.paths[0]) / "one.md"
    file.write_text("present")
    with monkeypatch.context() as patch:
        die_after(3, patch)
        with pytest.raises(KilledError):
            host.restore(job)
    assert not file.exists()
    before = host.called("systemctl")
    restoring.recover(at_boot=True)
    assert file.read_text() == "present"
    assert host.called("systemctl") == before


def die_after(renames: int, patch: pytest.MonkeyPatch) -> None:
    """Let that many renames of data happen, and then nothing any more."""
    left, rename = [renames], os.rename

    def counted(source: str, target: str) -> None:
        if left[0] == 0:
            patch.setattr(restoring, "_take_back", dead)
            raise KilledError
        rename(source, target)
        left[0] -= 1

    def dead(*_: object) -> None:
        raise KilledError

    patch.setattr(os, "rename", counted)


def tree(folder: Path) -> dict[str, str]:
    return {str(file): file.read_text() for file in sorted(folder.rglob("*")) if file.is_file()}


def test_what_has_no_place_is_put_beside(host: Host, notes: Job) -> None:
    job = Job("notes", notes.paths, in_place=False)
    host.send(job)
    (Path(notes.paths[0]) / "one.md").write_text("present")
    host.restore(job)
    assert not list((host.state).glob("restored/*"))
    host.restore(job, what=("notes",))
    (beside,) = (host.state / "restored").glob("notes.*")
    assert (beside / notes.paths[0].lstrip("/") / "one.md").read_text() == "first"
    assert (Path(notes.paths[0]) / "one.md").read_text() == "present"


def test_a_drill_uses_a_copy_and_leaves_nothing(host: Host, notes: Job) -> None:
    host.send(notes)
    host.drill(notes)
    assert not list((host.folder / "cache").iterdir())
    assert any("drill_last_success_timestamp_seconds" in line for line in lines(host.metrics))
    assert host.called("systemctl") == []


def test_a_drill_fails_where_the_snapshot_is_of_no_use(host: Host, notes: Job) -> None:
    (Path(notes.paths[0]) / "one.md").write_text("spoilt")
    host.send(notes)
    with pytest.raises(Failed, match="notes: its snapshot cannot be used: its drill ended with 1"):
        host.drill(notes)


def test_the_control_of_a_drill_wants_it_to_fail(host: Host, notes: Job) -> None:
    host.send(notes)
    host.drill(notes, damaged=True)
    blind = Job("notes", notes.paths, drill="true")
    with pytest.raises(Failed, match="notes: its drill did not notice that every file was spoilt"):
        host.drill(blind, damaged=True)
    with pytest.raises(Failed, match="notes: its role has no drill"):
        host.drill(Job("notes", notes.paths), damaged=True)


def test_a_drill_that_leaves_a_server_behind_fails(host: Host, notes: Job) -> None:
    host.send(notes)
    left = Job("notes", notes.paths, drill='sh -c "sleep 5; :" "$RESTORED" >/dev/null 2>&1 &')
    with pytest.raises(Failed, match="its drill left processes behind: sh -c sleep 5"):
        host.drill(left)


def test_nothing_is_written_where_the_nas_is_not_mounted(host: Host, notes: Job) -> None:
    point = host.folder / "mnt"
    point.mkdir()
    configuration = host.configuration(notes, mount=str(point))
    with pytest.raises(Failed, match=f"{point} is not mounted, so nothing was backed up; mount"):
        sending.send_all(configuration, host.record(configuration))
    assert host.calls.read_text() == "" and list(point.iterdir()) == []


def test_another_file_system_is_a_mount() -> None:
    assert place.is_mounted(Path("/proc"))
    assert not place.is_mounted(Path("/usr/share"))
    assert not place.is_mounted(Path("/no/such"))


def test_a_repository_that_vanished_is_not_made_anew(host: Host, notes: Job) -> None:
    host.send(notes)
    (host.kept / "password").unlink()
    with pytest.raises(Failed, match="holds no repository any more, but this host backed up to it"):
        host.send(notes)
    assert len(host.called("init")) == 1


def test_a_repository_whose_making_was_interrupted_says_what_to_do(host: Host, notes: Job) -> None:
    (host.kept / "keys").mkdir(parents=True)
    with pytest.raises(Failed, match=r"was interrupted, so nothing was ever .* remove its folder"):
        host.send(notes)


def test_another_repository_in_its_place_is_not_used(
    host: Host, notes: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.send(notes)
    monkeypatch.setenv("ID", "1234567890")
    with pytest.raises(Failed, match=r"is another repository \(12345678\) than the one .*abcdef01"):
        host.send(notes)


def test_a_wrong_password_is_told_and_a_rotated_one_replaced(host: Host, notes: Job) -> None:
    host.send(notes)
    host.password.write_text("new")
    with pytest.raises(Failed, match="was made with another password than the secret backup/pass"):
        host.send(notes)
    host.previous.write_text("right")
    host.send(notes)
    assert (host.kept / "password").read_text() == "new"


@pytest.mark.parametrize(
    ("status", "said", "missing"),
    [
        (10, "", True),
        (1, "stat /x: no such file or directory\nIs there a repository at the following", True),
        (1, "ssh: connection refused\nIs there a repository at the following location?", False),
        (12, "Fatal: wrong password or no key found", False),
    ],
)
def test_a_repository_is_missing_only_where_restic_says_so(
    status: int, said: str, missing: bool
) -> None:
    from files.backup.backup.restic import _is_missing

    done = subprocess.CompletedProcess[str]([], status, "", said)
    assert _is_missing(done) is missing


def test_the_password_is_in_no_argument(host: Host, notes: Job) -> None:
    host.send(notes)
    assert "right" not in host.calls.read_text()


def test_a_mirror_is_brought_up_to_date_and_an_empty_folder_mirrored_nowhere(host: Host) -> None:
    source = host.data / "models"
    source.mkdir()
    mirror = Mirror("models", str(source), str(host.folder / "there"))
    configuration = host.configuration(mirrors=(mirror,))
    empty = f"models: {source} is empty or not there, and its mirror stays as it is"
    with pytest.raises(Failed, match=empty):
        sending.mirror_all(configuration, host.record(configuration))
    (source / "one.gguf").write_text("weights")
    sending.mirror_all(configuration, host.record(configuration))
    assert host.called("rsync") == [
        f"rsync -a --delete-delay --partial --stats {source}/ {host.folder}/there/"
    ]
    assert lines(host.metrics)[-1] == (
        'ai_idp_backup_size_bytes{repository="/nas/one",what="models"} 1234'
    )


def test_accounts_are_known_by_name_where_their_numbers_differ() -> None:
    before = {"5001": "git", "0": "root", "77": "gone"}
    assert fetching._renumbered(before, {"git": 998, "root": 0}) == {5001: 998}


def test_a_configuration_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "backup.json"
    file.write_text(json.dumps({"jobs": [], "mirrors": [], "host": "one"}))
    with pytest.raises(Failed, match="is no configuration of backups"):
        load(file)


def test_places_are_the_outermost_paths() -> None:
    job = Job("all", ("/srv/app", "/srv/appendix"), databases=("/srv/app/x.db",), held=("/d/01*",))
    assert job.places() == ("/d", "/srv/app", "/srv/appendix")


def test_sftp_is_opened_by_the_given_command(host: Host, notes: Job) -> None:
    before = host.configuration(notes)
    configuration = Configuration(**{**vars(before), "sftp_command": "ssh -F /etc/x nas -s sftp"})
    assert Restic(configuration, host.record(configuration)).command == [
        *("restic", "-o", "sftp.command=ssh -F /etc/x nas -s sftp"),
    ]
