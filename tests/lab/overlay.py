"""An overlay: group data beside the lab's own, as `pyinfra --group-data` takes it."""

from __future__ import annotations

from pathlib import Path

from tests.lab.conftest import INVENTORY, Done, pyinfra


class Overlay:
    """What somebody has who tries other settings without touching the files of the project."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "group_data"
        self.directory.mkdir()

    def update(self, group: str, **changes: object) -> None:
        """Give the settings of `group` other values than the lab's; they are checked as ever."""
        updates = ", ".join(f"{name!r}: {value!r}" for name, value in changes.items())
        (self.directory / f"{group}.py").write_text(
            f"from {_holder(group)}.{group} import {group} as _before\n"
            f"_values = {{**_before.model_dump(mode='json'), {updates}}}\n"
            f"{group} = type(_before).model_validate(_values)\n"
        )

    def apply(self, *limit: str, deploy: str = "deploy.py") -> Done:
        limits = [word for name in limit for word in ("--limit", name)]
        data = ("--group-data", str(self.directory))
        return pyinfra("-y", *data, INVENTORY, deploy, *limits)


def _holder(group: str) -> str:
    """Whole keys win: where the lab has none of its own, the production value is the lab's."""
    return "lab.group_data" if Path(f"lab/group_data/{group}.py").exists() else "group_data"
