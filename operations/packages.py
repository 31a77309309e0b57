"""Packages from apt: present in one step, with no service started behind the roll-out's back."""

from __future__ import annotations

import shlex
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from pyinfra import host
from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

import changes
from changes import Change
from facts.packages import Packages, PackagesState, packages_request
from facts.sources import Source
from operations.service import UNREADABLE

SCRIPT = Path(__file__).with_name("packages.sh")


@dataclass(frozen=True)
class Around:
    """Shell texts to run before packages are exchanged and after, and what that changes.

    `before` runs once everything is downloaded, `after` also where that or the exchange failed.
    """

    before: str
    after: str
    changes: tuple[Change, ...]


@operation()
def installed(
    packages: Sequence[str],
    sources: Sequence[Source] = (),
    held: bool = False,
    without: Sequence[str] = (),
) -> Generator[StringCommand]:
    """
    Have these packages installed, and none of their services started by that.

    + packages: names in the sources that the host has; as `name=version` in that version (a pattern
      as `5:29.8.1-*` too), up or down. A name alone stays in the version that it has, unless
      preferences of apt rank another one above 1000
    + sources: sources that an earlier operation of the run adds: the plan asks them too
    + held: apt shall not change them by itself (apt-mark hold); this operation still does
    + without: packages that are in their way, removed in the same step

    **Example:**

        packages.installed(name="Install NGINX", packages=["nginx-light"])
    """
    found = read(packages, without, sources)
    if found is None:
        yield StringCommand(UNREADABLE)
        return
    names = [package.partition("=")[0] for package in packages]
    yield from change(packages, without, found, held=names if held else ())


@operation()
def removed(packages: Sequence[str]) -> Generator[StringCommand]:
    """
    Have none of these packages installed; their configuration and data are kept.

    + packages: names of packages that nothing else on the host needs
    """
    found = read((), packages)
    if found is None:
        yield StringCommand(UNREADABLE)
        return
    present = sorted({*found.installed, *found.begun} & set(packages))
    if present:
        changes.announce(host, planned(found))
        yield exchange(present, action="remove")


def change(
    packages: Sequence[str],
    without: Sequence[str],
    found: Packages,
    held: Sequence[str] = (),
    around: Around | None = None,
) -> Generator[StringCommand]:
    """Announce and yield what turns `found` into what is asked for; nothing where it is that."""
    asked = to_change(packages, without, found)
    unheld = [name for name in held if name not in found.held]
    coming = [
        *planned(found),
        *(Change("setting", "hold", f"package {name}") for name in unheld),
    ]
    if coming or asked:
        changes.announce(host, [*coming, *(around.changes if around else ())])
        yield exchange(asked, hold=held, around=around)


def to_change(packages: Sequence[str], without: Sequence[str], found: Packages) -> list[str]:
    """What apt has to be asked for, in its own words; nothing where all is as declared."""
    asked = [package for package in packages if not _is_as_asked(package, found)]
    present = {*found.installed, *found.begun}
    return sorted(asked) + sorted(f"{name}-" for name in present.intersection(without))


def _is_as_asked(package: str, found: Packages) -> bool:
    name, _, version = package.partition("=")
    if name not in found.installed or name in found.preferred:
        return False
    return not version or fnmatchcase(found.installed[name], version)


def read(
    packages: Sequence[str], without: Sequence[str], sources: Sequence[Source] = ()
) -> Packages | None:
    """The state of the packages on the current host; None where it could not be read."""
    return host.get_fact(PackagesState, _stdin=packages_request(packages, without, sources))


def planned(found: Packages) -> list[Change]:
    """What apt says that it would do, and what an interrupted run left to be done."""
    return [*_repairs(found), *_simulated(found)]


def _simulated(found: Packages) -> list[Change]:
    """What apt says that it would do, dependencies included."""
    coming = [_install(name, version, found) for name, version in found.will_install.items()]
    return coming + [Change("package", "remove", name) for name in found.will_remove]


def _install(name: str, version: str, found: Packages) -> Change:
    old = found.replaced.get(name)
    if old is None:
        return Change("package", "install", name, {"version": version})
    return Change("package", "modify", name, {"version": version}, f"- {old}\n+ {version}\n")


def _repairs(found: Packages) -> list[Change]:
    repairs = []
    if found.unfinished:
        repairs.append(Change("setting", "finish", "an interrupted dpkg run"))
    if found.guarded:
        repairs.append(Change("setting", "remove", "/usr/sbin/policy-rc.d of an interrupted run"))
    return repairs


def exchange(
    packages: Sequence[str],
    hold: Sequence[str] = (),
    action: str = "install",
    around: Around | None = None,
) -> StringCommand:
    """The command by which apt does what it is asked for: names, or files as the host has them."""
    variables = {"action": action, "packages": " ".join(packages), "hold": " ".join(hold)}
    variables |= {"before": around.before, "after": around.after} if around else {}
    header = "".join(f"{name}={shlex.quote(value)}\n" for name, value in variables.items())
    script = header + SCRIPT.read_text()
    log = "/var/log/ai-idp-packages.log"
    # The waiting half prints what the detached half logged; it alone is lost with the connection.
    return StringCommand(
        f"umask 077; setsid sh -c {shlex.quote(script)} </dev/null >{log} 2>&1 & "
        f"wait $! || {{ tail -n 40 {log}; exit 1; }}"
    )
