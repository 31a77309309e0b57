"""Local packages: those that a project keeps as files beside its releases, and in no repository."""

from __future__ import annotations

import re
import shlex
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

from pyinfra import host
from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

import changes
from changes import Change
from facts.archive import ROOT, Archive
from facts.local_packages import LocalPackagesState
from operations import archive, packages
from operations.packages import Around
from operations.service import UNREADABLE


@dataclass(frozen=True)
class Bundle:
    """An archive with package files in it, and the version of each package that is wanted of it.

    A package counts as wanted in a version that only says more: 1.38.0 is there as 1.38.0+u24.04.
    """

    archive: Archive
    packages: Mapping[str, str]


@operation()
def installed(
    bundles: Sequence[Bundle], needs: Sequence[str] = (), units: Sequence[str] = ()
) -> Generator[StringCommand]:
    """
    Have these packages of these archives installed, with what they need of the distribution.

    Archives are downloaded and checked before any package changes, and go again afterwards: dpkg
    owns what they brought.

    + bundles: an archive with another sha256 is refused
    + needs: packages of the sources that the host has
    + units: systemd units that use them; those that run are stopped meanwhile

    **Example:**

        local_packages.installed(name="Install the driver", bundles=[driver], needs=["libze1"])
    """
    names = [name for bundle in bundles for name in bundle.packages]
    tools = list(archive.PACKAGES)
    found = packages.read([*tools, *needs], ())
    present = host.get_fact(LocalPackagesState, names=names)
    if found is None or present is None:
        yield StringCommand(UNREADABLE)
        return
    missing = [bundle for bundle in bundles if _wanting(bundle, present)]
    asked = packages.to_change([*tools, *needs], (), found)
    if not missing and not asked:
        return
    changes.announce(
        host,
        [
            *packages.planned(found),
            *(change for bundle in missing for change in _coming(bundle, present)),
        ],
    )
    first = [name for name in asked if name in tools]
    if first:
        yield packages.exchange(first)
    yield from (StringCommand(archive.fetch(bundle.archive)) for bundle in missing)
    files = [
        f"{bundle.archive.folder}/{name}_*.deb" for bundle in missing for name in bundle.packages
    ]
    rest = [name for name in asked if name not in tools]
    if rest or files:
        yield packages.exchange([*rest, *files], around=_while_stopped(units) if files else None)
    yield from (StringCommand(verification(bundle)) for bundle in missing)


def _wanting(bundle: Bundle, present: Mapping[str, str]) -> list[str]:
    return [
        name
        for name, version in bundle.packages.items()
        if not re.fullmatch(rf"{re.escape(version)}([-.+~].*)?", present.get(name, ""))
    ]


def _coming(bundle: Bundle, present: Mapping[str, str]) -> list[Change]:
    return [
        _install(name, bundle.packages[name], present.get(name))
        for name in _wanting(bundle, present)
    ]


def _install(name: str, version: str, old: str | None) -> Change:
    if old is None:
        return Change("package", "install", name, {"version": version})
    return Change("package", "modify", name, {"version": version}, f"- {old}\n+ {version}\n")


def _while_stopped(units: Sequence[str]) -> Around | None:
    if not units:
        return None
    loop = f"for unit in {' '.join(units)}; do {{}}; done"
    before = loop.format("! systemctl is-active --quiet $unit || systemctl stop $unit")
    after = loop.format("! systemctl is-enabled --quiet $unit || systemctl start $unit")
    return Around(before, after, ())


def verification(bundle: Bundle) -> str:
    """A shell text that sees which versions came, and removes the files.

    A release whose packages go by other versions would be installed anew at each run.
    """
    folder = shlex.quote(bundle.archive.folder)
    shelf = shlex.quote(bundle.archive.folder.rpartition("/")[0])
    checks = "\n".join(_check(name, version) for name, version in bundle.packages.items())
    empty = f"rmdir --ignore-fail-on-non-empty {shelf} {ROOT} 2>/dev/null || :"
    return f"{checks}\nrm -rf {folder}\n{empty}"


def _check(name: str, version: str) -> str:
    wanted = shlex.quote(version)
    return (
        f"found=$(dpkg-query --show --showformat='${{Version}}' {name})\n"
        f'case $found in {wanted} | {wanted}[-.+~]*) ;; *) echo "{name} is of version $found, and'
        f' the settings say {version}: set what the release says" >&2; exit 1 ;; esac'
    )
