"""An inventory as pyinfra itself understands it, and clear words where it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

import inventory_json
from inventory_json import InventoryError, InventoryHost

HOSTS = [
    InventoryHost("gateway", ("nginx", "base"), {"domain": "a"}),
    InventoryHost("jetson", ("docker", "base"), {"domain": "a"}),
    InventoryHost("server", ("docker", "base"), {"domain": "b"}),
]


def _written(directory: Path, text: str) -> Path:
    path = directory / "inventory.py"
    path.write_text(text)
    return path


def test_hosts_come_with_their_groups_and_group_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "group_data").mkdir()
    (tmp_path / "group_data" / "base.py").write_text("domain = 'home.arpa'\n")
    inventory = _written(tmp_path, "base = [('jetson', {'ssh_port': 2222})]\n")
    assert inventory_json.read(inventory) == [
        InventoryHost("jetson", ("base", "inventory"), {"domain": "home.arpa", "ssh_port": 2222})
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("base = [('jetson', {'x': 1 / 0})]\n", "does not load:(.|\n)*division by zero"),
        ("base = []\n", "has no hosts"),
    ],
)
def test_an_inventory_that_says_nothing_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InventoryError, match=said):
        inventory_json.read(_written(tmp_path, text))


def test_a_path_without_a_file_is_not_taken_for_a_host(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match="there is no inventory"):
        inventory_json.read(tmp_path / "inventory.py")


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (["jetson"], ["jetson"]),
        (["docker", "jetson"], ["jetson", "server"]),
        (["server", "gateway"], ["gateway", "server"]),
    ],
)
def test_hosts_and_groups_select_each_host_once(wanted: list[str], names: list[str]) -> None:
    assert [host.name for host in inventory_json.select(HOSTS, wanted)] == names


def test_an_unknown_name_selects_nothing_and_names_the_close_ones() -> None:
    with pytest.raises(InventoryError, match=r"`jetsn` is neither .*; did you mean jetson\?"):
        inventory_json.select(HOSTS, ["docker", "jetsn"])


def test_a_shared_value_is_the_same_on_every_host() -> None:
    assert inventory_json.shared(HOSTS[:2], "domain") == "a"
    for hosts, key in ((HOSTS, "domain"), (HOSTS, "networks")):
        with pytest.raises(InventoryError, match=f"every host needs the same `{key}`"):
            inventory_json.shared(hosts, key)
