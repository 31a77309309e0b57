"""The documentation has every role and setting, and the generated part is current."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, Field

import settings_reference
from deploys.roles import role_names, settings_class
from deploys.settings import Settings

ROOT = Path(__file__).parents[2]
FIELDS = [
    (role, model, name)
    for role in role_names()
    if (settings := settings_class(role)) is not None
    for model in settings_reference.models(settings)
    for name in model.model_fields
]


class Part(BaseModel):
    sizes_gib: tuple[int, ...] = Field(description="How large | each part is")


class Sample(Settings):
    role = "sample"
    port: int = Field(default=80, ge=1, description="Where it listens")
    part: Part | None = Field(default=None, description="What it is made of")


def test_the_settings_reference_is_current() -> None:
    written = settings_reference.DOCUMENT.read_text(encoding="utf-8")
    assert written == settings_reference.reference(), "docs/settings.md is old; run `make docs`"


@pytest.mark.parametrize(("role", "model", "name"), FIELDS)
def test_every_setting_is_described(role: str, model: type[BaseModel], name: str) -> None:
    assert model.model_fields[name].description, f"{role}: {model.__name__}.{name} has none"


@pytest.mark.parametrize("role", role_names())
def test_the_readme_names_every_role(role: str) -> None:
    assert f"`{role}`" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_a_setting_is_shown_with_type_limit_default_and_description() -> None:
    rows = settings_reference._section(Sample).splitlines()
    assert "| `port` | `int`, at least 1 | `80` | Where it listens |" in rows


def test_a_part_of_a_setting_is_shown_with_its_own_settings() -> None:
    rows = settings_reference._section(Sample).splitlines()
    assert "| `part` | `Part \\| None` | `None` | What it is made of |" in rows
    assert "### Part" in rows
    assert "| `sizes_gib` | `tuple[int, ...]` | required | How large \\| each part is |" in rows
