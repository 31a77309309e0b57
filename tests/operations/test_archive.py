"""Release archives: which commands follow from what is there, and what they do to real archives."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tarfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import changes
from changes import Change
from facts.archive import ROOT, Archive, ArchiveState
from operations import archive
from tests.fake_host import Run, run

URL = "https://releases.test/program-1.2.tar.gz"
PROGRAM = Archive("program", "1.2", URL, "ab" * 32)
OLD = f"{ROOT}/program/1.1-cdcdcdcdcdcd"


def answer(*rows: str) -> dict[str, Any]:
    return {"end of archives": [*rows, "end of archives"]}


def present(*rows: str, units: Sequence[str] = ()) -> Run:
    return run(lambda: archive.present(archives=[PROGRAM], units=units), answer(*rows))


def removed(*rows: str, keep: Sequence[Archive] = ()) -> Run:
    return run(lambda: archive.others_removed(names=["program"], keep=keep), answer(*rows))


@pytest.fixture
def announced(monkeypatch: pytest.MonkeyPatch) -> list[Change]:
    found: list[Change] = []
    monkeypatch.setattr(changes, "announce", lambda _, rows: found.extend(rows))
    return found


def test_an_archive_that_is_there_costs_one_command() -> None:
    outcome = present(f"whole\t{PROGRAM.folder}", f"whole\t{OLD}")
    assert outcome.succeeded
    assert len(outcome.commands) == 1


@pytest.mark.parametrize(
    ("rows", "action"),
    [
        ((), "download"),
        ((f"whole\t{OLD}",), "download"),
        ((f"damaged\t{PROGRAM.folder}",), "replace"),
    ],
)
def test_a_missing_or_damaged_one_is_fetched_and_announced(
    rows: tuple[str, ...], action: str, announced: list[Change]
) -> None:
    outcome = present(*rows)
    assert outcome.succeeded
    assert f"url={URL}\n" in outcome.commands[-1]
    assert f"sha256={PROGRAM.sha256}\n" in outcome.commands[-1]
    detail = {"folder": PROGRAM.folder, "url": URL, "sha256": PROGRAM.sha256}
    assert Change("archive", action, "program 1.2", detail) in announced


@pytest.mark.parametrize(
    ("rows", "restarts"),
    [
        ((f"damaged\t{PROGRAM.folder}",), True),
        ((f"damaged\t{PROGRAM.folder}", f"whole\t{OLD}"), True),
        ((), True),
        ((f"whole\t{OLD}",), False),
        ((f"whole\t{PROGRAM.folder}",), False),
    ],
    ids=["damaged", "damaged beside another", "gone", "a new release", "whole"],
)
def test_units_are_restarted_where_what_they_run_from_is_put_back(
    rows: tuple[str, ...], restarts: bool
) -> None:
    restart = "! systemctl is-active --quiet demo || systemctl restart demo"
    commands = present(*rows, units=["demo"]).commands
    assert (commands[-1] == restart) is restarts
    assert sum("systemctl" in command for command in commands) == restarts


def test_what_cannot_be_read_is_not_changed() -> None:
    unreadable = {"end of archives": {"success": False, "stderr": "unreadable: x"}}
    for operation in (
        lambda: archive.present(archives=[PROGRAM]),
        lambda: archive.others_removed(names=["program"]),
    ):
        outcome = run(operation, unreadable)
        assert not outcome.succeeded
        assert "rm -rf" not in outcome.commands[-1]


def test_other_releases_go_and_the_declared_one_stays(announced: list[Change]) -> None:
    outcome = removed(f"whole\t{PROGRAM.folder}", f"damaged\t{OLD}", keep=[PROGRAM])
    assert f"rm -rf -- {OLD}" in outcome.commands[1]
    assert PROGRAM.folder not in "".join(outcome.commands[1:])
    assert Change("archive", "remove", "program 1.1") in announced


def test_nothing_is_removed_where_nothing_else_is() -> None:
    assert len(removed(f"whole\t{PROGRAM.folder}", keep=[PROGRAM]).commands) == 1
    assert len(removed().commands) == 1


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "../program", "archive `../program` of version `1.2`: no such name"),
        ("version", "1/2", "archive `program` of version `1/2`: no such name"),
        (
            "sha256",
            "AB" * 32,
            f"archive program: `{'AB' * 32}` is no sha256; write its 64 small hex digits",
        ),
        (
            "url",
            "http://releases.test/x.tar.gz",
            "archive program: `http://releases.test/x.tar.gz` is no https address of a "
            ".tar.gz or .zip or .deb",
        ),
        (
            "url",
            "https://releases.test/x.rpm",
            "archive program: `https://releases.test/x.rpm` is no https address of a "
            ".tar.gz or .zip or .deb",
        ),
    ],
)
def test_an_archive_that_could_not_be_is_refused(field: str, value: str, message: str) -> None:
    with pytest.raises(ValueError) as refused:
        Archive(**{**vars(PROGRAM), field: value})
    assert str(refused.value) == message


class Shelf:
    """The commands on this machine, with a folder of their own and a downloader that copies."""

    def __init__(self, directory: Path) -> None:
        self.root, self.offered = directory / "archives", directory / "offered"
        self.program, self.slow = directory / "program", directory / "slow"
        self.locks = directory / "locks"
        self.program.write_text("#!/bin/sh\n")
        downloader = directory / "bin" / "curl"
        downloader.parent.mkdir()
        downloader.write_text(
            '#!/bin/sh\nwhile [ "$1" != --output ]; do shift; done\n'
            f"[ ! -e {self.slow} ] || {{ rm {self.slow}; sleep 1; }}\n"
            f'cp {self.offered} "$2" 2>/dev/null || {{ echo "curl: (6) no host" >&2; exit 6; }}\n'
        )
        downloader.chmod(0o755)
        self.path = f"{downloader.parent}:{os.environ['PATH']}"

    def offer(self, kind: str = ".tar.gz") -> Archive:
        if kind == ".zip":
            with zipfile.ZipFile(self.offered, "w") as packed:
                packed.write(self.program, "program")
        else:
            with tarfile.open(self.offered, "w:gz") as packed:
                packed.add(self.program, "program")
        sha256 = hashlib.sha256(self.offered.read_bytes()).hexdigest()
        return Archive("program", "1.2", f"https://releases.test/program{kind}", sha256)

    def execute(self, command: str) -> subprocess.CompletedProcess[str]:
        with self.executing(command) as process:
            said, errors = process.communicate(timeout=30)
        return subprocess.CompletedProcess(command, process.returncode, said, errors)

    def executing(self, command: str) -> subprocess.Popen[str]:
        command = command.replace("/var/lib/ai-idp", str(self.locks))
        return subprocess.Popen(
            ["sh", "-c", command.replace(ROOT, str(self.root))],
            env={**os.environ, "PATH": self.path},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def fetch(self, wanted: Archive) -> subprocess.CompletedProcess[str]:
        return self.execute(archive.fetch(wanted))

    def folder(self, wanted: Archive) -> Path:
        return Path(wanted.folder.replace(ROOT, str(self.root)))

    def state(self) -> list[str]:
        return self.execute(ArchiveState().command(["program"])).stdout.splitlines()


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


@pytest.mark.parametrize("kind", [".tar.gz", ".zip"])
def test_it_is_unpacked_for_everybody_to_read_and_found_whole(shelf: Shelf, kind: str) -> None:
    wanted = shelf.offer(kind)
    done = shelf.fetch(wanted)
    assert done.returncode == 0, done.stderr
    folder = shelf.folder(wanted)
    assert (folder / "program").read_text() == "#!/bin/sh\n"
    assert folder.stat().st_mode & 0o777 == 0o755
    assert shelf.state() == [f"whole\t{folder}", "end of archives"]
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_wrong_bytes_are_refused_before_they_are_unpacked(shelf: Shelf) -> None:
    wanted = shelf.offer()
    found = wanted.sha256
    other = Archive("program", "1.2", wanted.url, "ab" * 32)
    done = shelf.fetch(other)
    assert done.returncode == 1
    assert done.stderr == (
        f"{wanted.url} has the sha256 {found}, not {other.sha256}; nothing of it was unpacked: "
        "compare both with what the release's page says\n"
    )
    assert shelf.state() == ["end of archives"]


def test_an_archive_that_cannot_be_had_says_what_to_look_at(shelf: Shelf) -> None:
    done = shelf.fetch(PROGRAM)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "curl: (6) no host",
        f"program 1.2 cannot be had; see that this host reaches {URL}, and that the release exists",
    ]


def test_one_that_lost_its_connection_and_the_next_do_not_disturb_each_other(shelf: Shelf) -> None:
    wanted = shelf.offer()
    shelf.slow.touch()
    with shelf.executing(archive.fetch(wanted)) as first:
        deadline = time.monotonic() + 20
        while shelf.slow.exists():
            assert time.monotonic() < deadline, "the first does not download"
            time.sleep(0.02)
        second = shelf.fetch(wanted)
        first.communicate(timeout=30)
    assert (first.returncode, second.returncode) == (0, 0)
    assert shelf.state() == [f"whole\t{shelf.folder(wanted)}", "end of archives"]


@pytest.mark.parametrize(
    "damage",
    ["echo x >>{}/program", "chmod 0777 {}/program", "rm {}/program", "echo >{}/another"],
)
def test_what_was_done_by_hand_is_seen_and_made_good(shelf: Shelf, damage: str) -> None:
    wanted = shelf.offer()
    shelf.fetch(wanted)
    folder = shelf.folder(wanted)
    shelf.execute(damage.format(folder))
    assert shelf.state() == [f"damaged\t{folder}", "end of archives"]
    assert shelf.fetch(wanted).returncode == 0
    assert shelf.state() == [f"whole\t{folder}", "end of archives"]
