"""Defects that the settings of one role can carry, each with its correction, as rows for tests."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from pydantic import ValidationError

from deploys.settings import Settings


class Defect(NamedTuple):
    """A change of production's settings, what it is refused with, and its correction."""

    settings: Settings
    wrong: dict[str, Any]
    message: str
    right: dict[str, Any]


def argument(settings: Settings, words: str, message: str, **right: Any) -> Defect:
    """A defect in `extra_arguments`; corrected by leaving it out, if by no other setting."""
    wrong = {"extra_arguments": tuple(words.split())}
    return Defect(settings, wrong, message, right or {"extra_arguments": ()})


def variable(settings: Settings, name: str, value: str, message: str, **right: Any) -> Defect:
    """A defect in `environment`; corrected by leaving it out, if by no other setting."""
    return Defect(settings, {"environment": {name: value}}, message, right or {"environment": {}})


def assert_refused(defect: Defect) -> None:
    with pytest.raises(ValidationError) as refused:
        _made(defect.settings, defect.wrong)
    (error,) = refused.value.errors()
    assert error["msg"].removeprefix("Value error, ") == defect.message


def assert_corrected(defect: Defect) -> None:
    taken = _made(defect.settings, defect.right)
    assert {name: getattr(taken, name) for name in defect.right} == defect.right


def _made(settings: Settings, change: dict[str, Any]) -> Settings:
    """Production's settings with a change, checked as a file of group_data/ is."""
    stated = {name: getattr(settings, name) for name in settings.model_fields_set}
    return type(settings)(**{**stated, **change})
