"""The state of a service on a host: its files, units and live settings, read in one command."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase
from typing_extensions import override

from facts.rollout import refusal

SCRIPT = Path(__file__).with_name("service_state.sh")


@dataclass(frozen=True)
class Found:
    """What lies at one path. `sha256` belongs to a regular file, `target` to a link.

    `uid` and `gid` are numbers: the owners that containers have need no name on the host.
    """

    kind: str
    mode: str
    owner: str
    group: str
    sha256: str = ""
    target: str = ""
    uid: str = ""
    gid: str = ""


@dataclass(frozen=True)
class UnitState:
    """A systemd unit as `systemctl show` tells it."""

    load: str
    enablement: str
    active: str
    needs_reload: bool


@dataclass(frozen=True)
class State:
    """Everything a plan needs of one service. A path that is not in `found` does not exist.

    `differing`: what the service itself names as not as it was deployed.
    """

    manifest: tuple[str, ...] = ()
    found: dict[str, Found] = field(default_factory=dict)
    units: dict[str, UnitState] = field(default_factory=dict)
    live: str = ""
    live_recorded: str = ""
    differing: tuple[str, ...] = ()
    unfinished: bool = False

    def removable(self, paths: Iterable[str]) -> list[str]:
        """Those of `paths` that have to go, the deepest first: only empty directories can.

        What an interrupted change has removed counts: it comes back when that change is undone.
        """
        return sorted((x for x in paths if self.unfinished or x in self.found), reverse=True)


class ServiceState(FactBase[State | None]):
    """State of a service; None where it could not be read, which is not the same as absent.

    Paths and units come over standard input (`state_request`), so their number has no limit. With
    `rollout_id` the state is read only on a host that no other roll-out has marked.
    """

    @override
    def command(self, service: str, live: str = "", rollout_id: str = "") -> str:
        names = f"service={shlex.quote(service)}\nlive={shlex.quote(live)}\n"
        return f"{refusal(rollout_id) if rollout_id else ''}{names}{SCRIPT.read_text()}"

    @override
    def process(self, output: list[str]) -> State:
        if not output or output[-1] != "end":
            raise FactProcessError("the state of the service ended in the middle")
        lines = [tuple(line.split("\t")) for line in output]
        sums = {path: digest for digest, path in (_digest_line(x) for x in lines if x[0] == "sum")}
        links = {x[1]: x[2] for x in lines if x[0] == "link"}
        entries = [x for x in lines if x[0] == "entry"]
        live = next((x for x in lines if x[0] == "live"), ("live", "", ""))
        return State(
            manifest=tuple(x[1] for x in lines if x[0] == "manifest"),
            found={x[5]: _found(x, sums, links) for x in entries},
            units=dict(_unit(x[1:]) for x in lines if x[0] == "unit"),
            live=live[1],
            live_recorded=live[2],
            differing=tuple(" ".join(x[1:]) for x in lines if x[0] == "differs"),
            unfinished=("unfinished",) in lines,
        )


class FileContents(FactBase[dict[str, bytes]]):
    """Content of the files named on standard input, a line each: {"/etc/hostname": b"desk\\n"}."""

    @override
    def command(self) -> str:
        return (
            'while read -r path; do [ ! -f "$path" ] ||'
            ' printf "%s\\t%s\\n" "$path" "$(base64 -w0 "$path")" || exit 3; done; echo end'
        )

    @staticmethod
    @override
    def default() -> dict[str, bytes]:
        return {}

    @override
    def process(self, output: list[str]) -> dict[str, bytes]:
        pairs = (line.split("\t") for line in output if line != "end")
        return {path: base64.b64decode(content) for path, content in pairs}


def state_request(paths: list[str], units: list[str]) -> str:
    """Standard input of `ServiceState`."""
    return "".join([f"path\t{path}\n" for path in paths] + [f"unit\t{unit}\n" for unit in units])


def _digest_line(columns: tuple[str, ...]) -> tuple[str, str]:
    digest, path = columns[1].split("  ", 1)
    return digest, path


def _found(columns: tuple[str, ...], sums: dict[str, str], links: dict[str, str]) -> Found:
    _, kind, mode, owner, group, path, uid, gid = columns
    regular = kind.startswith("regular")
    if regular and path not in sums:
        raise FactProcessError(f"{path} could not be read")
    return Found(
        kind={"symbolic link": "link"}.get(kind, "file" if regular else kind),
        mode=mode.rjust(4, "0"),
        owner=owner,
        group=group,
        sha256=sums.get(path, ""),
        target=links.get(path, ""),
        uid=uid,
        gid=gid,
    )


def _unit(properties: tuple[str, ...]) -> tuple[str, UnitState]:
    values = dict(item.split("=", 1) for item in properties if "=" in item)
    return values["Id"], UnitState(
        load=values.get("LoadState", ""),
        enablement=values.get("UnitFileState", ""),
        active=values.get("ActiveState", ""),
        needs_reload=values.get("NeedDaemonReload") == "yes",
    )
