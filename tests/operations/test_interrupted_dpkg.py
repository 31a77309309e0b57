"""What a power cut amid dpkg leaves is planned and repaired: the real dpkg and apt, in a folder."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from facts.packages import Packages, PackagesState, packages_request
from operations import packages

pytestmark = pytest.mark.skipif(
    not (shutil.which("apt-get") and shutil.which("dpkg-deb")), reason="dpkg and apt are not here"
)
OFFERED = {
    "dpkg": ("1.22", ""),
    "nss": ("2", "sysd (= 2)"),
    "sysd": ("2", ""),
    "tool": ("1", ""),
    "library": ("1", ""),
    "wanted": ("1", "library"),
    "first": ("1", ""),
    "second": ("1", ""),
    "user": ("1", "first | second"),
}
OTHERS = {"nss": ("1", "sysd (= 1)"), "sysd": ("1", ""), "driver": ("1", "")}
PRESENT = ("dpkg_1.22", "nss_1", "sysd_1", "tool_1", "second_1", "user_1")
PLACES = (
    "/usr/sbin/policy-rc.d",
    "/var/lib/ai-idp",
    "/var/lib/dpkg",
    "/var/lib/apt/lists",
)


def build(root: Path, name: str, version: str, depends: str) -> str:
    """Make a package file; what a repository says of it."""
    tree = root / "trees" / f"{name}_{version}"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "opt").mkdir()
    (tree / "opt" / name).write_text(version)
    control = (
        f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: none\n"
        + (f"Depends: {depends}\n" if depends else "")
        + "Description: a test's\n"
    )
    (tree / "DEBIAN/control").write_text(control)
    file = root / f"repository/{tree.name}.deb"
    build = ["dpkg-deb", "-Zgzip", "--root-owner-group", "--build", str(tree), str(file)]
    subprocess.run(build, check=True, capture_output=True)
    data = file.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    return f"{control}Filename: ./{file.name}\nSize: {len(data)}\nSHA256: {digest}\n\n"


class World:
    """A host of a few packages below a folder, with programs that know only that."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in (
            "bin",
            "etc/apt",
            "repository",
            "usr/sbin",
            "var/cache/apt/archives/partial",
            "var/lib/apt/lists/partial",
            "var/lib/dpkg/info",
            "var/lib/dpkg/updates",
            "var/log/apt",
        ):
            (root / folder).mkdir(parents=True)
        self.status = root / "var/lib/dpkg/status"
        self.status.touch()
        self._program("dpkg", f"--root={root} --force-not-root --force-bad-path --log=/dev/null")
        self._program("dpkg-query", f"--admindir={root}/var/lib/dpkg")
        (root / "apt.conf").write_text(
            f'Dir "{root}/";\nDir::State::status "{self.status}";\n'
            f'Dir::Bin::dpkg "{root}/bin/dpkg";\nAPT::Sandbox::User "root";\n'
            'APT::Architectures { "amd64"; };\nAPT::Architecture "amd64";\n'
        )
        (root / "etc/apt/sources.list").write_text(f"deb [trusted=yes] file:{root}/repository ./\n")
        for name, (version, depends) in OTHERS.items():
            build(root, name, version, depends)
        index = "".join(build(root, name, *of) for name, of in OFFERED.items())
        (root / "repository/Packages").write_text(index)
        self.execute("apt-get update")
        self.execute("dpkg --install " + " ".join(map(self.file, PRESENT)))

    def _program(self, name: str, options: str) -> None:
        program = self.root / "bin" / name
        program.write_text(f'#!/bin/sh\nexec {shutil.which(name)} {options} "$@"\n')
        program.chmod(0o755)

    def file(self, name: str) -> str:
        return f"{self.root}/repository/{name}.deb"

    def execute(self, text: str, request: str = "") -> str:
        search = f"{self.root}/bin:{os.environ['PATH']}:/usr/sbin:/sbin"
        environment = {**os.environ, "PATH": search, "APT_CONFIG": f"{self.root}/apt.conf"}
        done = subprocess.run(
            ["sh", "-c", text], input=request, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def mark(self, name: str, status: str) -> None:
        """Have dpkg's database say that of a package."""
        text = self.status.read_text()
        stanza = rf"(Package: {name}\nStatus: )[^\n]*"
        self.status.write_text(re.sub(stanza, rf"\g<1>{status}", text))

    def _below(self, script: str) -> str:
        for place in PLACES:
            script = script.replace(place, f"{self.root}{place}")
        return script

    def planned(self, *names: str, without: tuple[str, ...] = ()) -> Packages:
        command = self._below(PackagesState().command())
        output = self.execute(command, packages_request(names, without))
        return PackagesState().process(output.splitlines())

    def run(self, names: str, action: str = "install") -> None:
        variables = f"action={action}\npackages='{names}'\nhold=\n"
        self.execute(variables + self._below(packages.SCRIPT.read_text()))


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Path]:
    world = World(tmp_path_factory.mktemp("world") / "host")
    kept = world.root.with_name("kept")
    shutil.copytree(world.root, kept)
    return world, kept


@pytest.fixture
def world(start: tuple[World, Path]) -> World:
    world, kept = start
    shutil.rmtree(world.root)
    shutil.copytree(kept, world.root)
    return world


def cut_between_the_pair(world: World) -> None:
    world.execute(f"dpkg --unpack --force-depends {world.file('nss_2')}")


def cut_after_one_of_the_pair(world: World) -> None:
    """Somebody's `dpkg --configure -a` has closed it since, and dpkg tells of nothing."""
    world.execute(f"dpkg --install --force-depends {world.file('sysd_2')}")


def cut_in_one_of_the_pair(world: World) -> None:
    cut_between_the_pair(world)
    world.mark("sysd", "install reinstreq half-configured")


def cut_amid_a_removal(world: World) -> None:
    world.mark("tool", "deinstall ok half-installed")


def cut_amid_an_upgrade(world: World) -> None:
    world.mark("tool", "install reinstreq half-installed")


def cut_before_a_configuration(world: World) -> None:
    world.mark("tool", "install reinstreq half-configured")


def cut_in_a_file_of_nobodys(world: World) -> None:
    world.execute(f"dpkg --install {world.file('driver_1')}")
    world.mark("driver", "install reinstreq half-installed")


def cut_in_the_journal(world: World) -> None:
    before = world.status.read_text()
    world.execute(f"dpkg --unpack {world.file('library_1')}")
    stanzas = world.status.read_text().split("\n\n")
    world.status.write_text(before)
    library = next(stanza for stanza in stanzas if "Package: library\n" in stanza)
    (world.root / "var/lib/dpkg/updates/0000").write_text(f"{library}\n")


NEW = {"wanted": "1", "library": "1"}
CUTS: dict[Callable[[World], None], tuple[dict[str, str], tuple[str, ...]]] = {
    cut_between_the_pair: ({"sysd": "2", "wanted": "1"}, ()),
    cut_in_one_of_the_pair: ({"sysd": "2", "wanted": "1"}, ()),
    cut_after_one_of_the_pair: ({"nss": "2", "wanted": "1"}, ()),
    cut_amid_a_removal: (NEW, ("tool",)),
    cut_amid_an_upgrade: ({**NEW, "tool": "1"}, ()),
    cut_before_a_configuration: ({**NEW, "tool": "1"}, ()),
    cut_in_a_file_of_nobodys: (NEW, ("driver",)),
    cut_in_the_journal: ({"wanted": "1"}, ()),
}


@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: cut.__name__)
def test_what_a_cut_left_is_planned_and_repaired_and_the_rest_installed(
    world: World, cut: Callable[[World], None]
) -> None:
    cut(world)
    found = world.planned("wanted")
    coming, going = CUTS[cut]
    assert (found.unfinished, found.will_remove) == (True, going)
    # Whether apt tells of dependencies before its repairs depends on its version.
    assert coming.items() <= found.will_install.items() <= (coming | NEW).items()
    world.run("wanted")
    after = world.planned("wanted", without=("driver",))
    assert after == Packages(installed={"dpkg": "1.22", "wanted": "1"})


@pytest.mark.parametrize("status", ["deinstall ok half-installed", "install ok half-configured"])
def test_a_removal_that_was_cut_is_finished(world: World, status: str) -> None:
    world.mark("tool", status)
    found = world.planned(without=("tool",))
    assert (found.begun, found.will_install, found.will_remove) == (
        frozenset({"tool"}),
        {},
        ("tool",),
    )
    world.run("tool", action="remove")
    assert world.planned(without=("tool",)) == Packages(installed={"dpkg": "1.22"})


def test_a_file_of_nobodys_that_was_cut_can_be_removed(world: World) -> None:
    cut_in_a_file_of_nobodys(world)
    assert world.planned(without=("driver",)).will_remove == ("driver",)
    world.run("driver", action="remove")
    assert world.planned(without=("driver",)) == Packages(installed={"dpkg": "1.22"})


def test_what_somebody_removed_by_force_comes_back_as_planned_and_nothing_else(
    world: World,
) -> None:
    """apt would mend that too, by the first of the alternatives."""
    world.execute("dpkg --remove --force-depends second")
    found = world.planned("second")
    assert (found.unfinished, found.will_install) == (False, {"second": "1"})
    world.run("second")
    after = world.planned("second", without=("first",))
    assert after == Packages(installed={"dpkg": "1.22", "second": "1"})


def test_nothing_is_taken_off_for_lack_of_an_archive_while_a_source_cannot_be_read(
    world: World,
) -> None:
    cut_in_a_file_of_nobodys(world)
    sources = world.root / "etc/apt/sources.list"
    sources.write_text(f"{sources.read_text()}deb [trusted=yes] file:/nowhere ./\n")
    with pytest.raises(AssertionError):
        world.run("wanted")
    assert "Package: driver\nStatus: install reinstreq" in world.status.read_text()
