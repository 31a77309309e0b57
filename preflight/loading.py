"""Loading: the inventory with its group data, before pyinfra itself has either.

pyinfra reads group data after the inventory file has ended and has no hook between that and
connecting, so the file's last line has it all loaded once more.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType

from pydantic import ValidationError
from pyinfra.api.inventory import Inventory

from deploys.topology import Topology
from preflight.invocation import Invocation
from preflight.problems import Problem, Refused


def load(inventory_file: str, invocation: Invocation) -> Topology:
    """What the inventory says with all its overlays; Refused where a file of it is wrong."""
    # Here, not above: importing pyinfra_cli patches the sockets of the whole process.
    from pyinfra_cli.exceptions import UnexpectedExternalError
    from pyinfra_cli.inventory import make_inventory_from_files

    try:
        inventory = make_inventory_from_files(
            inventory_file,
            override_data=dict(invocation.override_data),
            cwd=os.getcwd(),
            group_data_directories=invocation.group_data_directories,
        )
    except UnexpectedExternalError as error:
        raise Refused(_problems(_shown(error.filename), error.exception)) from error
    except SyntaxError as error:
        raise Refused([_unreadable(_shown(error.filename or inventory_file), error)]) from error
    _forget_groups_of_pyinfra(inventory, Path(inventory_file).stem)
    return Topology.of(inventory)


def _forget_groups_of_pyinfra(inventory: Inventory, file: str) -> None:
    """pyinfra adds groups that are no roles: the file's name, and ``@`` with a connector's."""
    added = {group for group in inventory.groups if group == file or group.startswith("@")}
    for group in added:
        inventory.groups.pop(group)
        inventory.group_data.pop(group, None)
    for host in inventory:
        host.groups = [group for group in host.groups if group not in added]


def _problems(file: str, error: Exception) -> list[Problem]:
    if not isinstance(error, ValidationError):
        where = _innermost_line(error.__traceback__) or file
        return [Problem(file, f"{type(error).__name__} at {where}: {error}", "correct that line")]
    # The offending value is left out: it may be a secret that stands in the wrong place.
    return [
        Problem(
            file,
            f"{'.'.join((error.title, *map(str, detail['loc'])))}: "
            f"{detail['msg'].removeprefix('Value error, ')}",
            "docs/settings.md lists what can be set",
        )
        for detail in error.errors(include_input=False, include_url=False)
    ]


def _unreadable(file: str, error: SyntaxError) -> Problem:
    return Problem(file, f"{error.msg} at line {error.lineno}", "correct that line")


def _innermost_line(traceback: TracebackType | None) -> str | None:
    if traceback is None:
        return None
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return f"{_shown(traceback.tb_frame.f_code.co_filename)}:{traceback.tb_lineno}"


def _shown(file: str) -> str:
    return os.path.relpath(file) if Path(file).is_relative_to(Path.cwd()) else file
