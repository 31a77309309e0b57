"""The fact about packages: its shell against programs that answer as dpkg and apt do."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from pyinfra.api.exceptions import FactProcessError

from facts.packages import Packages, PackagesState, packages_request

DPKG = "have\tdpkg\tinstalled\t1.22\tinstall"
POLICY = """\
engine:
  Installed: {installed}
  Candidate: {candidate}
  Version table:
     2.0-1 {two}
        500 https://vendor.test stable/main amd64 Packages
 *** 1.0-1 {one}
        100 /var/lib/dpkg/status
"""


class FakeHost:
    """This machine with another dpkg and another apt."""

    def __init__(self, directory: Path) -> None:
        self.bin = directory / "bin"
        self.cache = directory / "cache"
        self.asked = directory / "asked"
        self.journal = directory / "dpkg/updates"
        self.journal.mkdir(parents=True)
        self.bin.mkdir()
        self.program("dpkg", "")
        self.installed()
        self.simulated("")

    def program(self, name: str, body: str) -> None:
        file = self.bin / name
        file.write_text(f'#!/bin/sh\necho {name} "$@" >>{self.asked}\n{body}\n')
        file.chmod(0o755)

    def installed(self, *lines: str) -> None:
        rows = "\n".join([DPKG, *lines])
        self.program("dpkg-query", f"cat <<'EOT'\n{rows}\nEOT")

    def simulated(self, lines: str, status: int = 0) -> None:
        self.program("apt-get", f"cat <<'EOT'\n{lines}\nEOT\nexit {status}")

    def execute(self, request: str) -> subprocess.CompletedProcess[str]:
        command = PackagesState().command().replace("/var/lib/ai-idp/apt", str(self.cache))
        return subprocess.run(
            ["sh", "-c", command.replace("/var/lib/dpkg/updates", str(self.journal))],
            input=request,
            env={**os.environ, "PATH": f"{self.bin}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
        )

    def read(self, *packages: str, without: tuple[str, ...] = ()) -> Packages:
        run = self.execute(packages_request(packages, without))
        assert run.returncode == 0, run.stderr
        return PackagesState().process(run.stdout.splitlines())

    def commands(self, program: str) -> list[str]:
        lines = self.asked.read_text().splitlines()
        return [line for line in lines if line.startswith(f"{program} ")]


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    return FakeHost(tmp_path)


def test_where_all_is_there_apt_is_not_asked(host: FakeHost) -> None:
    host.installed("have\tengine\tinstalled\t1.0-1\tinstall")
    found = host.read("engine", without=("rival",))
    assert found.installed["engine"] == "1.0-1"
    assert host.commands("apt-get") == []


def test_what_apt_would_do_is_told_with_dependencies_and_old_versions(host: FakeHost) -> None:
    host.simulated(
        "Inst library (3.1 Debian:13 [amd64])\n"
        "Inst client [1.0-1] (2.0-1 vendor:stable [amd64])\n"
        "Remv rival [0.9]\n"
        "Conf library (3.1 Debian:13 [amd64])"
    )
    found = host.read("engine")
    assert found.will_install == {"library": "3.1", "client": "2.0-1"}
    assert found.replaced == {"client": "1.0-1"}
    assert found.will_remove == ("rival",)


def test_what_is_in_the_way_is_removed_in_the_same_step(host: FakeHost) -> None:
    host.installed("have\trival\tinstalled\t0.9\tinstall", "have\tgone\tconfig-files\t1\tdeinstall")
    host.read("engine", without=("rival", "gone", "never"))
    assert host.commands("apt-get")[0].endswith(" install engine rival-")


@pytest.mark.parametrize(
    ("package", "asked"),
    [("engine=1.0-1", False), ("engine=1.0-*", False), ("engine=2.0-*", True), ("engine", False)],
)
def test_another_version_than_the_declared_one_is_asked_for(
    host: FakeHost, package: str, asked: bool
) -> None:
    host.installed("have\tengine\tinstalled\t1.0-1\tinstall")
    host.read(package)
    assert [line.endswith(f" install {package}") for line in host.commands("apt-get")] == [
        True
    ] * asked


def test_a_held_package_may_be_changed_all_the_same(host: FakeHost) -> None:
    host.installed("have\tengine\tinstalled\t1.0-1\thold")
    assert host.read("engine=2.0-1").held == {"engine"}
    assert "--allow-downgrades --allow-change-held-packages" in host.commands("apt-get")[0]


def test_a_name_is_not_taken_for_a_longer_one_nor_an_architecture_for_another(
    host: FakeHost,
) -> None:
    host.installed(
        "have\tengine-tools\tinstalled\t1.0-1\tinstall",
        "have\tlibrary\tnot-installed\t\tunknown",
        "have\tlibrary\tinstalled\t2.0-1\tinstall",
    )
    host.read("engine", "tools", "library=2.0-*", "engine-tools")
    assert host.commands("apt-get")[0].endswith(" install engine tools")


def test_a_package_that_was_removed_is_not_installed(host: FakeHost) -> None:
    host.installed("have\tengine\tconfig-files\t1.0-1\tdeinstall")
    assert "engine" not in host.read("engine").installed


def test_an_interrupted_dpkg_is_told(host: FakeHost) -> None:
    host.program("dpkg", "echo 'The following packages are only half configured'")
    assert host.read().unfinished


@pytest.mark.parametrize(("entry", "told"), [("0002", True), ("tmp.i", False)])
def test_a_journal_of_dpkg_is_told_where_dpkg_finds_nothing(
    host: FakeHost, entry: str, told: bool
) -> None:
    (host.journal / entry).touch()
    assert host.read().unfinished == told


PREFERRED = {"installed": "1.0-1", "candidate": "2.0-1", "two": "1001", "one": "100"}
SOURCE = "source\tvendor\t{f}\thttps://vendor.test/gpg\tTElTVA==\tUFJFRg==\n".format(f="A" * 40)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("engine",)),
        ({"one": "1001"}, ()),
        ({"two": "500"}, ()),
        ({"two": "1000"}, ()),
        ({"candidate": "1.0-1"}, ()),
    ],
    ids=["preferred", "both are", "no preference", "no downgrade at 1000", "nothing else there"],
)
def test_a_preference_above_1000_moves_what_is_installed(
    host: FakeHost, changes: dict[str, str], expected: tuple[str, ...]
) -> None:
    host.installed("have\tengine\tinstalled\t1.0-1\tinstall")
    host.program("apt-cache", f"cat <<'EOT'\n{POLICY.format(**{**PREFERRED, **changes})}EOT")
    host.program("cmp", "")  # the keyring is in place
    host.program(
        "cat",
        'case "$1" in *.sources) printf LIST ;; *.pref) printf PREF ;; *) /bin/cat "$@" ;; esac',
    )
    run = host.execute(f"engine\n{SOURCE}")
    assert run.returncode == 0, run.stderr
    assert PackagesState().process(run.stdout.splitlines()).preferred == expected


UNREADABLE = {
    "dpkg": ("dpkg-query", "exit 2", "unreadable: the dpkg database\n"),
    "apt": (
        "apt-get",
        "echo 'E: Unable to locate package engine'; exit 100",
        "unreadable: apt finds no way to install engine: E: Unable to locate package engine\n",
    ),
}


@pytest.mark.parametrize("broken", UNREADABLE)
def test_what_cannot_be_read_is_not_mistaken_for_absent(host: FakeHost, broken: str) -> None:
    program, body, message = UNREADABLE[broken]
    host.program(program, body)
    run = host.execute("engine\n")
    assert (run.returncode, run.stderr) == (3, message)
    assert "\nend\n" not in run.stdout


@pytest.mark.parametrize("output", [[], [DPKG]])
def test_what_ends_in_the_middle_is_unreadable(output: list[str]) -> None:
    with pytest.raises(FactProcessError, match="ended in the middle"):
        PackagesState().process(output)
