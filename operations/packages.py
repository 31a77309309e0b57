"""Packages from apt: present in one step, with no service started behind the roll-out's back."""

from __future__ import annotations

import shlex
from collections.abc import Generator, Sequence
from pathlib import Path

from pyinfra import host
from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

import changes
from changes import Change
from facts.packages import Packages, PackagesState
from operations.service import UNREADABLE

SCRIPT = Path(__file__).with_name("packages.sh")


@operation()
def installed(packages: Sequence[str]) -> Generator[StringCommand]:
    """
    Have these packages installed, and none of their services started by that.

    + packages: names in the sources that the host has

    **Example:**

        packages.installed(name="Install NGINX", packages=["nginx-light"])
    """
    found = _read(packages)
    if found is None:
        yield StringCommand(UNREADABLE)
        return
    missing = sorted(set(packages) - set(found.installed))
    planned = [*_repairs(found), *(_install(n, v) for n, v in found.will_install.items())]
    planned += [Change("package", "remove", name) for name in found.will_remove]
    if planned or missing:
        changes.announce(host, planned)
        yield _run("install", missing)


@operation()
def removed(packages: Sequence[str]) -> Generator[StringCommand]:
    """
    Have none of these packages installed; their configuration and data are kept.

    + packages: names of packages that nothing else on the host needs
    """
    found = _read(packages)
    if found is None:
        yield StringCommand(UNREADABLE)
        return
    present = sorted(set(packages) & set(found.installed))
    if present:
        changes.announce(host, [Change("package", "remove", name) for name in present])
        yield _run("remove", present)


def _read(packages: Sequence[str]) -> Packages | None:
    return host.get_fact(PackagesState, _stdin="".join(f"{name}\n" for name in packages))


def _install(name: str, version: str) -> Change:
    return Change("package", "install", name, {"version": version})


def _repairs(found: Packages) -> list[Change]:
    planned = []
    if found.unfinished:
        planned.append(Change("setting", "finish", "an interrupted dpkg run"))
    if found.guarded:
        planned.append(Change("setting", "remove", "/usr/sbin/policy-rc.d of an interrupted run"))
    return planned


def _run(action: str, names: Sequence[str]) -> StringCommand:
    script = f"action={action}\npackages={shlex.quote(' '.join(names))}\n{SCRIPT.read_text()}"
    log = "/var/log/ai-idp-packages.log"
    # The waiting half prints what the detached half logged; it alone is lost with the connection.
    return StringCommand(
        f"umask 077; setsid sh -c {shlex.quote(script)} </dev/null >{log} 2>&1 & "
        f"wait $! || {{ tail -n 40 {log}; exit 1; }}"
    )
