"""The settings reference: docs/settings.md, from the settings of roles, Hardware, Power and Guest.

``python -m settings_reference`` writes it; with ``--check`` it only says whether it is current.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from deploys.guest import Guest
from deploys.hardware import Hardware
from deploys.power import Power
from deploys.roles import role_names, settings_class
from deploys.settings import Settings

DOCUMENT = Path(__file__).parent / "docs" / "settings.md"

_HEAD = """\
# Settings

What each role lets you choose, as `group_data/<role>.py` sets it. Made from the settings classes
in `deploys/` by `make docs`; changes here are lost.
"""
_LIMITS = {
    "ge": "at least",
    "gt": "more than",
    "le": "at most",
    "lt": "less than",
    "min_length": "length at least",
    "max_length": "length at most",
    "multiple_of": "a multiple of",
    "pattern": "matching",
}


def reference() -> str:
    """The whole document: the roles in alphabetical order, then what a host can have."""
    classes = (settings_class(role) for role in role_names())
    sections = (_section(found) for found in classes if found is not None)
    return "\n".join([_HEAD, *sections, _hardware(), _power(), _guest()])


def models(settings: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """A settings class and every model that its fields are made of, each once."""
    seen: dict[type[BaseModel], None] = {}
    waiting = [settings]
    while waiting:
        model = waiting.pop(0)
        if model not in seen:
            seen[model] = None
            fields = model.model_fields.values()
            waiting += [part for field in fields for part in _models_in(field.annotation)]
    return iter(seen)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


def _section(settings: type[Settings]) -> str:
    head = f"## {settings.role}\n\n`{settings.role} = {settings.__name__}(...)`\n"
    return _tables(head, settings)


def _hardware() -> str:
    head = """\
## hardware

`"hardware": Hardware(...)` beside a host's address in `inventory.py`. A host needs it whose roles
claim memory, cards or disk; `make budget` shows what they take.
"""
    return _tables(head, Hardware)


def _power() -> str:
    head = """\
## power

`"power": Power(...)` beside a host's address in `inventory.py`, of a host with the role `ups`.
`make budget` and [power.md](power.md) show the sum.
"""
    return _tables(head, Power)


def _guest() -> str:
    head = """\
## guest

`"guest": Guest(...)` beside a host's address in `inventory.py`, of a host that is a container of a
Proxmox VE node. The node creates it with these values, and gives it later ones.
"""
    return _tables(head, Guest)


def _tables(head: str, model: type[BaseModel]) -> str:
    own, *parts = models(model)
    return "\n".join(
        [head, _table(own), *(f"### {part.__name__}\n\n{_table(part)}" for part in parts)]
    )


def _table(model: type[BaseModel]) -> str:
    if not model.model_fields:
        return "Nothing to choose.\n"
    rows = [_row(name, field) for name, field in model.model_fields.items()]
    return "\n".join(["| setting | type | default | what it is |", "|---|---|---|---|", *rows, ""])


def _row(name: str, field: FieldInfo) -> str:
    cells = (f"`{name}`", _type(field), _default(field), field.description or "")
    return f"| {' | '.join(_escaped(cell) for cell in cells)} |"


def _type(field: FieldInfo) -> str:
    limits = [
        f"{words} {getattr(limit, attribute)}"
        for limit in field.metadata
        for attribute, words in _LIMITS.items()
        if getattr(limit, attribute, None) is not None
    ]
    return ", ".join([f"`{_written(_without_checks(field.annotation))}`", *limits])


def _without_checks(annotation: Any) -> Any:
    """The annotation without what validates the keys and values of a dictionary."""
    if get_origin(annotation) is Annotated:
        return _without_checks(get_args(annotation)[0])
    if get_origin(annotation) is dict:
        keys, values = map(_without_checks, get_args(annotation))
        return dict[keys, values]  # type: ignore[valid-type]
    return annotation


def _written(annotation: Any) -> str:
    """The annotation as a class body would have it, module names left out."""
    if isinstance(annotation, type) and not get_args(annotation):
        return annotation.__name__
    modules = {str(part.__module__) for part in _classes_in(annotation)} | {"typing"}
    text = str(annotation)
    for module in modules:
        text = text.replace(f"{module}.", "")
    return text


def _classes_in(annotation: Any) -> Iterator[type]:
    if isinstance(annotation, type):
        yield annotation
    for part in get_args(annotation):
        yield from _classes_in(part)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return f"`{field.get_default(call_default_factory=True, validated_data={})!r}`"


def _escaped(cell: str) -> str:
    return " ".join(cell.replace("|", "\\|").split())


def main() -> None:
    if "--check" not in sys.argv:
        DOCUMENT.write_text(reference(), encoding="utf-8")
    elif not DOCUMENT.exists() or DOCUMENT.read_text(encoding="utf-8") != reference():
        sys.exit(f"{DOCUMENT} is not what the settings say; run `make docs`")


if __name__ == "__main__":
    main()
