"""The documentation has every role and setting, and the generated part is current."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
from pydantic import BaseModel, Field

import inventory_json
import settings_reference
from deploys.declarations import EVERYONE, Port
from deploys.roles import role_names, settings_class
from deploys.settings import Settings
from deploys.topology import Topology

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EVERYWHERE = {"base", "ssh", "firewall", "node_exporter", "journal_upload"}
RECORDINGS = sorted(path.stem for path in (ROOT / "docs").glob("*.ansi"))
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "lab" / "README.md"]
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
    assert f"`{role}`" in README


@pytest.fixture(scope="module")
def topology() -> Topology:
    return inventory_json.topology(inventory_json.read(ROOT / "inventory.py"))


def test_the_readme_says_which_host_has_which_roles_and_ports(topology: Topology) -> None:
    wanted = {}
    for machine in topology.machines:
        roles = [role for role in machine.settings if role not in EVERYWHERE]
        assert set(machine.settings) >= EVERYWHERE
        ports = [_number(e.port) for e in machine.exposures() if e.role in roles]
        named = ", ".join(f"`{role}`" for role in roles)
        wanted[f"`{machine.name}`"] = [machine.address, named, ", ".join(ports)]
    assert _table("host") == wanted


def test_the_readme_says_who_reaches_the_ports_of_each_role(topology: Topology) -> None:
    ports = {
        f"`{exposure.role}`": (exposure.role, exposure.machine.settings[exposure.role].ports())
        for exposure in topology.exposures()
        if exposure.role != "firewall"
    }
    wanted = {
        role: [", ".join(map(_number, declared)), _reach(name, declared)]
        for role, (name, declared) in ports.items()
    }
    shown = {role: cells[1:] for role, cells in _table("role").items()}
    assert set(shown) == {f"`{role}`" for role in role_names()}
    assert shown == {role: wanted.get(role, ["", ""]) for role in shown}


@pytest.mark.parametrize("recording", RECORDINGS)
def test_a_picture_shows_its_recording_and_needs_nothing_else(recording: str) -> None:
    draw = runpy.run_path(str(ROOT / "docs" / "terminal.py"))["draw"]
    text = (ROOT / "docs" / f"{recording}.ansi").read_text(encoding="utf-8")
    picture = (ROOT / "docs" / f"{recording}.svg").read_text(encoding="utf-8")
    assert picture == draw(text, recording), f"run `python docs/terminal.py draw {recording}`"
    assert not re.search(r"url\((?!#)|href=", picture)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_document_links_to_is_there(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    missing = [link for link in links if not (document.parent / link).exists()]
    assert not missing, f"{document.name} links to {missing}"


def _table(first: str) -> dict[str, list[str]]:
    """The rows of the README's table whose first column is `first`, by that column."""
    _, _, after = README.partition(f"| {first} |")
    lines = after.partition("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: row[1:] for row in rows}


def _number(port: Port) -> str:
    return f"{port.number}/{port.protocol}"


def _reach(role: str, ports: tuple[Port, ...]) -> str:
    if role == "ssh":
        return "`networks` of `group_data/all.py`"
    by_port = {port.number: _names(port) for port in ports}
    if len(set(by_port.values())) == 1:
        return _names(ports[0])
    return ", ".join(f"{names} ({number})" for number, names in by_port.items())


def _names(port: Port) -> str:
    names = ["everyone"] if EVERYONE in port.reachable_from else list(port.reachable_from)
    return ", ".join([*names, *([f"everyone on `{port.interface}`"] if port.interface else [])])


def test_a_setting_is_shown_with_type_limit_default_and_description() -> None:
    rows = settings_reference._section(Sample).splitlines()
    assert "| `port` | `int`, at least 1 | `80` | Where it listens |" in rows


def test_a_part_of_a_setting_is_shown_with_its_own_settings() -> None:
    rows = settings_reference._section(Sample).splitlines()
    assert "| `part` | `Part \\| None` | `None` | What it is made of |" in rows
    assert "### Part" in rows
    assert "| `sizes_gib` | `tuple[int, ...]` | required | How large \\| each part is |" in rows
