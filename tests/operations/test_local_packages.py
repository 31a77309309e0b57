"""`local_packages.installed`: which commands the state of a host leads to, and what they do."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from facts.archive import Archive
from operations import archive, local_packages
from operations.local_packages import Bundle
from operations.service import UNREADABLE
from tests.fake_host import Run, run

RELEASE = Archive("driver", "1.38.0", "https://vendor.test/driver.tar.gz", "ab" * 32)
LOADER = Archive("loader", "1.34.0", "https://vendor.test/loader_1.34.0.deb", "cd" * 32)
DRIVER = Bundle(RELEASE, {"fw": "1.38.0.1-2~u", "umd": "1.38.0.1-2~u"})
PRESENT = ["dpkg\tinstalled\t1.22", "fw\tinstalled\t1.38.0.1-2~u", "umd\tinstalled\t1.38.0.1-2~u"]
NEEDED = ["have\tlibtbb12\tinstalled\t2022\tinstall", "end"]
TOOLS = [f"have\t{name}\tinstalled\t1\tinstall" for name in archive.PACKAGES]


def install(present: Any, needed: Any = (), **arguments: Any) -> Run:
    bundles = arguments.pop("bundles", [DRIVER])
    return run(
        lambda: local_packages.installed(bundles=bundles, needs=["libtbb12"], **arguments),
        {"dpkg-query --show --showformat='${P": present, "names=$(cat)": [*TOOLS, *needed]},
    )


def steps(outcome: Run) -> list[str]:
    """What each command after the facts does."""
    marks = {"curl --fail": "download", "action=install": "install", "dpkg-query --show": "verify"}
    return [
        next(name for mark, name in marks.items() if mark in command)
        for command in outcome.commands[2:]
    ]


def test_what_is_installed_costs_two_commands() -> None:
    outcome = install(PRESENT, NEEDED)
    assert outcome.succeeded
    assert len(outcome.commands) == 2


@pytest.mark.parametrize("version", ["1.38.0.1-2~u.1", "1.38.0.1-2~u+b1"])
def test_a_version_that_only_says_more_is_the_wanted_one(version: str) -> None:
    present = [
        "dpkg\tinstalled\t1.22",
        *(f"{name}\tinstalled\t{version}" for name in ("fw", "umd")),
    ]
    assert len(install(present, NEEDED).commands) == 2


def test_the_download_is_checked_before_any_package_changes() -> None:
    outcome = install(PRESENT[:1], ["will\tlibtbb12\t2022", "end"])
    assert steps(outcome) == ["download", "install", "verify"]
    _, apt, _ = outcome.commands[2:]
    files = " ".join(f"{RELEASE.folder}/{name}_*.deb" for name in ("fw", "umd"))
    assert f"libtbb12 {files}" in apt


def test_another_version_brings_the_whole_release() -> None:
    present = [PRESENT[0], "fw\tinstalled\t1.37.0.1-1~u", PRESENT[2]]
    assert steps(install(present, NEEDED)) == ["download", "install", "verify"]


def test_a_missing_need_brings_no_download() -> None:
    assert steps(install(PRESENT, ["will\tlibtbb12\t2022", "end"])) == ["install"]


def test_each_archive_is_downloaded_before_the_first_package_changes() -> None:
    bundles = [Bundle(LOADER, {"libze1": "1.34.0"}), DRIVER]
    outcome = install(PRESENT[:1], NEEDED, bundles=bundles)
    assert steps(outcome) == ["download", "download", "install", "verify", "verify"]


def test_a_download_that_fails_ends_it() -> None:
    failing = {"curl --fail": {"success": False, "stderr": "another sha256"}}
    outcome = run(
        lambda: local_packages.installed(bundles=[DRIVER]),
        {
            **failing,
            "dpkg-query --show --showformat='${P": PRESENT[:1],
            "names=$(cat)": [*TOOLS, "end"],
        },
    )
    assert not outcome.succeeded
    assert steps(outcome) == ["download"]


def test_units_that_run_are_stopped_while_the_packages_change() -> None:
    apt = install(PRESENT[:1], NEEDED, units=["serving"]).commands[3]
    assert "systemctl is-active --quiet $unit || systemctl stop $unit" in apt
    assert "systemctl is-enabled --quiet $unit || systemctl start $unit" in apt


@pytest.mark.parametrize("present", [{"success": False}, []])
def test_an_unreadable_state_changes_nothing(present: Any) -> None:
    assert install(present, NEEDED).commands[2:] == [UNREADABLE]


@pytest.mark.parametrize(
    ("found", "code", "said"),
    [
        ("1.38.0.1-2~u", 0, ""),
        ("1.38.0.1-2~u.1", 0, ""),
        (
            "1.38.0",
            1,
            "fw is of version 1.38.0, and the settings say 1.38.0.1-2~u: "
            "set what the release says\n",
        ),
    ],
)
def test_a_release_of_another_version_than_it_says_is_named(
    tmp_path: Path, found: str, code: int, said: str
) -> None:
    query = tmp_path / "dpkg-query"
    query.write_text(f"#!/bin/sh\necho '{found}'\n")
    query.chmod(0o755)
    script = local_packages.verification(Bundle(RELEASE, {"fw": "1.38.0.1-2~u"}))
    done = subprocess.run(
        ["sh", "-c", f"PATH={tmp_path}:$PATH; {script}"], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (code, said)
