"""What a host has: in the inventory, back from JSON, and in the lab."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

import inventory_json
import settings_reference
from deploys.hardware import Gpu, Hardware
from deploys.topology import Machine
from lab import hardware as played

CARD = Gpu(name="NVIDIA GeForce RTX 5070 Ti", memory_mib=16303)
DECLARED = Hardware(physical_cores=12, memory_gib=128, disk_gib=900, gpus=(CARD,))


def machine(**data: Any) -> Machine:
    return Machine("one", "192.0.2.1", (), {}, data)


def test_driver_and_desktop_are_taken_off_what_a_card_has() -> None:
    card = Gpu(name="any", memory_mib=16303, unusable_mib=450, display_mib=800)
    assert (card.visible_mib, card.usable_mib) == (15853, 15053)


@pytest.mark.parametrize("wrong", [{"physical_cores": 0}, {"memory_gib": 0.5}, {"cores": 12}])
def test_wrong_hardware_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Hardware.model_validate({**DECLARED.model_dump(), **wrong})


def test_a_machine_says_what_it_has_or_that_nobody_knows() -> None:
    assert machine(hardware=DECLARED).hardware == DECLARED
    assert machine().hardware is None


def test_hardware_comes_back_from_what_pyinfra_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(inventory_json.ROOT))
    inventory = tmp_path / "inventory.py"
    inventory.write_text(
        "from deploys.hardware import Hardware as _Hardware\n"
        f"_hardware = _Hardware.model_validate({DECLARED.model_dump()!r})\n"
        "all = [('one', {'ssh_hostname': '192.0.2.1', 'hardware': _hardware})]\n"
    )
    found = inventory_json.topology(inventory_json.read(inventory))
    assert found.machine("one").hardware == DECLARED


def test_a_lab_host_has_what_this_computer_has_and_productions_cards() -> None:
    found = played.as_played({"hardware": DECLARED})["hardware"]
    assert found.gpus == (CARD,)
    assert 1 <= found.physical_cores <= (os.cpu_count() or 1)
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1024**3
    assert pages <= found.memory_gib < pages + 1
    assert found.disk_gib > 0


def test_a_lab_host_has_nothing_that_production_does_not_declare() -> None:
    assert played.as_played({"ssh_hostname": "192.0.2.1"}) == {}


@pytest.mark.parametrize(
    ("part", "name"), [(part, name) for part in (Hardware, Gpu) for name in part.model_fields]
)
def test_the_settings_reference_tells_what_a_host_can_have(
    part: type[BaseModel], name: str
) -> None:
    description = part.model_fields[name].description
    assert description
    assert f"| `{name}` |" in settings_reference.reference()
    assert f"| {description} |" in settings_reference.reference()
