"""Roles: which modules of this package are roles, and which settings class each one has."""

from __future__ import annotations

import inspect
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from deploys.settings import Settings


def is_role(name: str) -> bool:
    """Whether ``deploys/<name>.py`` exists and holds the settings of a role of that name."""
    return find_spec(f"deploys.{name}") is not None and settings_class(name) is not None


def settings_class(role: str) -> type[Settings] | None:
    """The settings class that ``deploys/<role>.py`` defines for its role, if it does."""
    module = import_module(f"deploys.{role}")
    for _, found in inspect.getmembers(module, inspect.isclass):
        if issubclass(found, Settings) and vars(found).get("role") == role:
            return found
    return None


def role_names() -> tuple[str, ...]:
    """Every role that this package knows, by name."""
    modules = sorted(file.stem for file in Path(__file__).parent.glob("[!_]*.py"))
    return tuple(name for name in modules if is_role(name))
