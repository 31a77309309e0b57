"""Packages of a host: what is installed, and exactly what apt would do to it, in one command."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase
from typing_extensions import override

from facts.sources import KEY_SCRIPT, Source, request_line

SCRIPT = Path(__file__).with_name("packages_state.sh")
REPAIR_SCRIPT = Path(__file__).with_name("packages_repair.sh")
WHOLE = ("installed", "config-files", "not-installed")
"""The states of dpkg's that are the end of its work (man 1 dpkg)."""


@dataclass(frozen=True)
class Packages:
    """Versions by name. `will_install` holds dependencies too, `will_remove` what would go.

    `replaced`: the version that is installed now, for those of `will_install` that have one.
    `held`: apt leaves them as they are. `preferred`: installed in a version that apt's preferences
    rank below another one by more than 1000, which even a downgrade shall follow (man 5
    apt_preferences). `begun`: half unpacked, configured or removed. `unfinished`: dpkg was
    interrupted. `guarded`: our ban on starting services was left behind.
    """

    installed: dict[str, str] = field(default_factory=dict)
    will_install: dict[str, str] = field(default_factory=dict)
    will_remove: tuple[str, ...] = ()
    replaced: dict[str, str] = field(default_factory=dict)
    held: frozenset[str] = frozenset()
    preferred: tuple[str, ...] = ()
    begun: frozenset[str] = frozenset()
    unfinished: bool = False
    guarded: bool = False


class PackagesState(FactBase[Packages | None]):
    """State of the packages named on standard input (`packages_request`); None if unreadable.

    Sources that the host does not have yet, or not as declared, are asked through lists and a
    keyring of their own in a cache of root's.
    """

    @override
    def command(self) -> str:
        return "".join(part.read_text() for part in (KEY_SCRIPT, REPAIR_SCRIPT, SCRIPT))

    @override
    def process(self, output: list[str]) -> Packages:
        if not output or output[-1] != "end":
            raise FactProcessError("the state of the packages ended in the middle")
        lines = [tuple(line.split("\t")) for line in output]
        installed = {x[1]: x[3] for x in lines if x[0] == "have" and x[2] == "installed"}
        begun = {x[1] for x in lines if x[0] == "have" and x[2] not in WHOLE} - {*installed}
        # What is asked for follows the repairs: the last word on a package counts.
        coming = {x[1]: x for x in lines if x[0] in ("will", "gone")}
        will = {name: x[2] for name, x in coming.items() if x[0] == "will"}
        completed = {x[1]: x[2] for x in lines if x[0] == "complete"}
        return Packages(
            installed=installed,
            will_install=will | {x: completed[x] for x in sorted(begun & {*completed} - {*coming})},
            will_remove=tuple(name for name, x in coming.items() if x[0] == "gone"),
            replaced={name: x[3] for name, x in coming.items() if x[3:] > ("",)},
            held=frozenset(x[1] for x in lines if x[0] == "have" and x[4:] == ("hold",)),
            preferred=tuple(x[1] for x in lines if x[0] == "preferred"),
            begun=frozenset(begun),
            unfinished=("unfinished",) in lines,
            guarded=("guarded",) in lines,
        )


def packages_request(
    packages: Iterable[str], without: Iterable[str] = (), sources: Iterable[Source] = ()
) -> str:
    """Standard input of `PackagesState`; `without` are packages that shall be absent."""
    lines = [*packages, *(f"{name}-" for name in without), *map(request_line, sources)]
    return "".join(f"{line}\n" for line in lines)
