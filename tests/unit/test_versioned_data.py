"""versioned-data: what an upgrade finds, what it leaves, and what comes back when it fails."""

from __future__ import annotations

import os
import pwd
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit import power_cut

PROGRAM = Path(__file__).parents[2] / "files" / "versioned_data" / "versioned-data"

Done = subprocess.CompletedProcess[str]


class Program:
    """A program with one database, which each of its versions writes its own name into."""

    def __init__(self, directory: Path) -> None:
        self.state, self.database = directory / "versions", directory / "data.sqlite"

    def before(self, version: str, *more: str) -> Done:
        return self._run("before", version, "--database", str(self.database), *more)

    def healthy(self, version: str) -> Done:
        return self._run("healthy", version)

    def give_back(self, version: str) -> Done:
        return self._run("return", version, "--database", str(self.database))

    def writes(self, text: str) -> None:
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE TABLE IF NOT EXISTS written (text)")
            connection.execute("INSERT INTO written VALUES (?)", (text,))

    def used_well(self, version: str) -> None:
        assert self.before(version).returncode == 0
        self.writes(version)
        assert self.healthy(version).returncode == 0

    def content(self) -> list[str]:
        with closing(sqlite3.connect(self.database)) as connection:
            return [text for (text,) in connection.execute("SELECT text FROM written")]

    def kept(self) -> list[str]:
        return sorted(path.name for path in (self.state / "kept").glob("*"))

    def cut(self, changes: int, command: str, version: str) -> None:
        """Begin a command, and lose power after so many changes."""
        more = ("--database", str(self.database), "--start-over")
        self._run(command, version, *more, by=power_cut.program(self.state.parent, changes))

    def _run(self, command: str, version: str, *more: str, by: Sequence[str] = ()) -> Done:
        arguments = [str(PROGRAM), command, "--version", version, "--state", str(self.state)]
        return subprocess.run([*by, *arguments, *more], capture_output=True, text=True)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def test_an_upgrade_that_works_keeps_the_data_and_one_copy_from_before(program: Program) -> None:
    for version in ("1.9.0", "1.10.0", "1.10.1"):
        program.used_well(version)
    assert program.content() == ["1.9.0", "1.10.0", "1.10.1"]
    assert program.kept() == ["1.10.0"]


def test_a_restart_of_the_same_version_touches_nothing(program: Program) -> None:
    program.used_well("1.0.0")
    before = program.database.stat()
    done = program.before("1.0.0")
    assert (done.returncode, done.stdout, program.kept()) == (0, "", [])
    assert program.database.stat() == before


def test_a_start_that_fails_is_taken_back_with_its_data(program: Program) -> None:
    program.used_well("1.0.0")
    assert program.before("2.0.0").returncode == 0
    program.writes("half a migration")
    done = program.before("1.0.0")
    assert done.stdout == (
        f"what was written since is in {program.state}/aside until the next upgrade\n"
        "the start of 2.0.0 was taken back; the data are those of 1.0.0 again\n"
    )
    assert program.content() == ["1.0.0"]


def test_what_a_copy_took_the_place_of_is_aside_with_its_journal_until_the_next_copy(
    program: Program,
) -> None:
    program.used_well("1.0.0")
    program.before("2.0.0")
    with closing(sqlite3.connect(program.database)) as connection:
        connection.execute("INSERT INTO written VALUES ('a day of work')")
        connection.commit()
        assert program.before("1.0.0").returncode == 0
    with closing(sqlite3.connect(program.state / "aside" / "data.sqlite")) as connection:
        found = [text for (text,) in connection.execute("SELECT text FROM written")]
    assert found == ["1.0.0", "a day of work"]
    assert program.content() == ["1.0.0"]
    program.before("2.0.0")
    assert not (program.state / "aside").exists()


def test_a_second_try_of_the_same_version_goes_on_and_keeps_the_first_copy(
    program: Program,
) -> None:
    program.used_well("1.0.0")
    program.before("2.0.0")
    program.writes("half a migration")
    assert program.before("2.0.0").returncode == 0
    assert program.content() == ["1.0.0", "half a migration"]
    program.before("1.0.0")
    assert program.content() == ["1.0.0"]


def test_a_second_try_starts_over_with_the_copy_where_it_is_told_to(program: Program) -> None:
    program.used_well("1.0.0")
    program.before("2.0.0", "--start-over")
    program.writes("half a migration")
    done = program.before("2.0.0", "--start-over")
    assert done.stdout == (
        f"what was written since is in {program.state}/aside until the next upgrade\n"
        "the last start of 2.0.0 was broken off; the data are those of 1.0.0 again\n"
    )
    assert program.content() == ["1.0.0"]
    program.healthy("2.0.0")
    program.writes("2.0.0")
    assert program.before("2.0.0", "--start-over").stdout == ""
    assert program.content() == ["1.0.0", "2.0.0"]


def test_data_that_were_made_half_are_made_anew_where_it_is_told_to(program: Program) -> None:
    assert program.before("1.0.0", "--start-over").stdout == ""
    program.writes("half")
    done = program.before("1.0.0", "--start-over")
    assert done.stdout == (
        f"what was written since is in {program.state}/aside until the next upgrade\n"
        "the last start of 1.0.0 was broken off; there are no data again\n"
    )
    assert not program.database.exists()
    program.writes("1.0.0")
    program.healthy("1.0.0")
    assert program.before("1.0.0", "--start-over").stdout == ""
    assert (program.content(), program.kept()) == (["1.0.0"], [])


@pytest.mark.parametrize("version", ["1.0.0", "2.0.0"])
def test_data_that_were_not_well_yet_stay_where_it_is_not_told_to(
    program: Program, version: str
) -> None:
    program.before("1.0.0")
    program.writes("a day of work")
    assert program.before(version).returncode == 0
    assert program.content() == ["a day of work"]


@pytest.mark.parametrize("changes", range(21))
def test_what_another_version_made_half_is_never_migrated(program: Program, changes: int) -> None:
    program.before("2.0.0", "--start-over")
    program.writes("half")
    program.cut(changes, "before", "1.0.0")
    assert program.before("1.0.0", "--start-over").returncode == 0
    assert not program.database.exists()


@pytest.mark.parametrize("changes", range(14))
def test_a_first_start_that_lost_power_anywhere_is_made_good(
    program: Program, changes: int
) -> None:
    program.cut(changes, "before", "1.0.0")
    assert program.before("1.0.0", "--start-over").returncode == 0
    program.writes("half")
    program.cut(changes, "before", "1.0.0")
    assert program.before("1.0.0", "--start-over").returncode == 0
    assert not program.database.exists()
    program.writes("1.0.0")
    program.cut(changes, "healthy", "1.0.0")
    recorded = (program.state / "version").exists()
    assert program.before("1.0.0", "--start-over").returncode == 0
    program.writes("more")
    assert program.content() == (["1.0.0", "more"] if recorded else ["more"])


@pytest.mark.parametrize("changes", range(14))
def test_an_upgrade_that_lost_power_anywhere_is_made_good(program: Program, changes: int) -> None:
    program.used_well("1.0.0")
    program.cut(changes, "before", "2.0.0")
    assert program.before("2.0.0", "--start-over").returncode == 0
    program.writes("half a migration")
    program.cut(changes, "before", "2.0.0")
    assert program.before("2.0.0", "--start-over").returncode == 0
    assert program.content() == ["1.0.0"]
    program.writes("2.0.0")
    program.cut(changes, "healthy", "2.0.0")
    recorded = (program.state / "version").read_text() == "2.0.0\n"
    assert program.before("2.0.0", "--start-over").returncode == 0
    assert program.content() == (["1.0.0", "2.0.0"] if recorded else ["1.0.0"])


def test_an_upgrade_begins_again_with_its_copy_after_a_power_cut(program: Program) -> None:
    program.used_well("1.0.0")
    program.cut(99, "before", "2.0.0")
    program.writes("half a migration")
    program.before("2.0.0", "--start-over")
    assert program.content() == ["1.0.0"]


def test_after_a_failed_start_another_version_gets_the_data_from_before(program: Program) -> None:
    program.used_well("1.0.0")
    program.before("2.0.0")
    program.writes("half a migration")
    program.used_well("2.0.1")
    assert program.content() == ["1.0.0", "2.0.1"]
    assert program.kept() == ["1.0.0"]


def test_an_older_version_is_refused_and_told_the_way_back(program: Program) -> None:
    program.used_well("1.9.0")
    program.used_well("1.10.0")
    done = program.before("1.9.0")
    me = pwd.getpwuid(os.getuid()).pw_name
    command = (
        f"runuser -u {me} -- {PROGRAM} return --version 1.9.0 --state {program.state} "
        f"--database {program.database}"
    )
    assert (done.returncode, done.stderr) == (
        1,
        "versioned-data: the data were last used by 1.10.0, and 1.9.0 is older and may not "
        "understand them; roll out 1.10.0 or newer, or go back to the copy from before 1.10.0, "
        f"without what was written since: {command}\n",
    )
    assert program.content() == ["1.9.0", "1.10.0"]
    assert program.give_back("1.9.0").returncode == 0
    assert program.before("1.9.0").returncode == 0
    assert program.content() == ["1.9.0"]


def test_an_older_version_without_a_copy_needs_a_backup(program: Program) -> None:
    program.used_well("2.0.0")
    done = program.before("1.0.0")
    assert done.returncode == 1
    assert "or restore a backup that 1.0.0 made" in done.stderr


def test_builds_of_one_version_are_neither_older_nor_newer(program: Program) -> None:
    program.used_well("2.0.0-ffff")
    program.used_well("2.0.0-0000")
    assert program.kept() == ["2.0.0-ffff"]


@pytest.mark.parametrize("more", [(), ("--start-over",)])
def test_data_from_before_this_program_are_kept_too(
    program: Program, more: tuple[str, ...]
) -> None:
    program.writes("by hand")
    program.before("1.0.0", *more)
    program.writes("1.0.0")
    assert program.kept() == ["unrecorded"]
    program.before("0.9.0", *more)
    assert program.content() == ["by hand"]


def test_a_damaged_database_is_not_upgraded(program: Program) -> None:
    program.used_well("1.0.0")
    program.database.write_bytes(b"no database" * 1000)
    done = program.before("2.0.0")
    assert done.returncode == 1
    assert done.stderr == "versioned-data: file is not a database\n"
    assert program.kept() in ([], [".incoming"])


def test_copies_are_for_their_owner_alone(program: Program) -> None:
    program.used_well("1.0.0")
    program.before("2.0.0")
    kept = program.state / "kept"
    assert kept.stat().st_mode & 0o777 == 0o700
    assert (kept / "1.0.0" / "data.sqlite").stat().st_mode & 0o077 == 0
