"""An inventory of the lab in which guests are declared in another way, for one test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lab.checkout import LAB

TEXT = """\
import preflight
from lab import inventory as _lab

globals().update(
    {{name: value for name, value in vars(_lab).items() if isinstance(value, list)}}
)
_changes = {changes!r}
all = [
    (_name, {{**_data, "guest": _data["guest"].model_copy(update=_changes[_name])}})
    if _name in _changes
    else (_name, _data)
    for _name, _data in _lab.all
]

preflight.check(__file__)
"""


def inventory(directory: Path, **changes: dict[str, Any]) -> str:
    """The file of an inventory with these changes; a host's `-` is `_` here."""
    named = {name.replace("_", "-"): values for name, values in changes.items()}
    if not (directory / "group_data").exists():
        # pyinfra looks for group data beside the inventory.
        (directory / "group_data").symlink_to(LAB / "group_data")
    file = directory / "inventory.py"
    file.write_text(TEXT.format(changes=named))
    return str(file)
