"""The secret store: made once, never lost by a re-run, closed to everybody else."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

import secret_store
from secret_store import SecretStore, SecretStoreError

ROOT = Path(secret_store.__file__).parent.parent
KEY = "llama_cpp/api-key"


@pytest.fixture
def store(tmp_path: Path) -> SecretStore:
    return SecretStore(tmp_path / "secrets", tmp_path / "home" / "identity.txt")


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _value(store: SecretStore, name: str = KEY) -> str:
    return store.get(name).get_secret_value()


def _files(store: SecretStore) -> dict[Path, bytes]:
    return {p: p.read_bytes() for p in store.directory.rglob("*") if p.is_file()}


def test_ensure_makes_what_is_missing_and_says_so(store: SecretStore) -> None:
    assert store.ensure([KEY, "grafana/admin"]) == [KEY, "grafana/admin"]
    assert store.ensure([KEY, "grafana/admin", "n8n"]) == ["n8n"]
    assert store.names() == ["grafana/admin", KEY, "n8n"]


def test_a_second_ensure_changes_no_byte(store: SecretStore) -> None:
    store.ensure([KEY])
    before = _files(store)
    assert store.ensure([KEY]) == []
    assert _files(store) == before


def test_generated_values_have_256_bits_and_differ(store: SecretStore) -> None:
    store.ensure(["a", "b"])
    assert len(bytes.fromhex(_value(store, "a"))) == 32
    assert _value(store, "a") != _value(store, "b")


def test_files_are_private_and_encrypted(store: SecretStore) -> None:
    store.ensure([KEY])
    secret = store.directory / "llama_cpp" / "api-key.age"
    assert secret.read_bytes().startswith(b"age-encryption.org/v1\n")
    assert all(_value(store).encode() not in content for content in _files(store).values())
    for file in (secret, store.directory / "store.json", store.identity):
        assert _mode(file) == 0o600
    for directory in (store.directory, secret.parent, store.identity.parent):
        assert _mode(directory) == 0o700


def test_no_draft_is_left_behind(store: SecretStore) -> None:
    store.ensure([KEY])
    store.rotate(KEY)
    names = {path.name for path in _files(store)}
    assert names == {"store.json", "api-key.age", "api-key.previous.age"}


def test_a_value_does_not_show_when_printed(store: SecretStore) -> None:
    store.ensure([KEY])
    assert _value(store) not in f"{store.get(KEY)!r} {store.get(KEY)} {store!r}"


def test_the_store_has_one_lasting_id(store: SecretStore) -> None:
    store.ensure([KEY])
    first = store.rollout_id
    store.rotate(KEY)
    assert SecretStore(store.directory, store.identity).rollout_id == first
    assert len(bytes.fromhex(first)) == 16


def test_a_new_store_uses_the_identity_that_is_there(store: SecretStore) -> None:
    store.ensure([KEY])
    identity, first = store.identity.read_bytes(), store.rollout_id
    shutil.rmtree(store.directory)
    store.ensure([KEY])
    assert store.identity.read_bytes() == identity
    assert store.rollout_id != first


def test_a_store_without_its_identity_is_refused_and_left_alone(store: SecretStore) -> None:
    store.ensure([KEY])
    store.identity.unlink()
    before = _files(store)
    for use in (lambda: store.ensure(["new"]), lambda: store.get(KEY), lambda: store.rotate(KEY)):
        with pytest.raises(SecretStoreError, match="missing; restore that file from your backup"):
            use()
    assert _files(store) == before
    assert not store.identity.exists()


def test_another_identity_is_refused_before_it_writes(store: SecretStore, tmp_path: Path) -> None:
    store.ensure([KEY])
    other = SecretStore(tmp_path / "other", tmp_path / "other.txt")
    other.ensure([KEY])
    before = _files(store)
    with pytest.raises(SecretStoreError, match="is not the identity that"):
        SecretStore(store.directory, other.identity).ensure(["new"])
    assert _files(store) == before


def test_a_store_that_lost_its_description_is_refused(store: SecretStore) -> None:
    store.ensure([KEY])
    (store.directory / "store.json").unlink()
    with pytest.raises(SecretStoreError, match=r"no store\.json; restore the whole directory"):
        store.ensure(["new"])


def test_an_identity_that_others_can_read_is_refused(store: SecretStore) -> None:
    store.ensure([KEY])
    store.identity.chmod(0o644)
    with pytest.raises(SecretStoreError, match="chmod 600"):
        store.get(KEY)


def test_a_damaged_secret_is_refused_by_its_path(store: SecretStore) -> None:
    store.ensure([KEY])
    path = store.directory / "llama_cpp" / "api-key.age"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(SecretStoreError, match=r"api-key\.age is damaged"):
        store.get(KEY)


def test_asking_before_there_is_a_store_says_how_to_get_one(store: SecretStore) -> None:
    with pytest.raises(SecretStoreError, match=r"no secret store in .* yet; `make plan`"):
        store.get(KEY)
    assert not store.directory.exists()


def test_an_unknown_name_is_answered_with_the_close_ones(store: SecretStore) -> None:
    store.ensure([KEY])
    with pytest.raises(
        SecretStoreError, match=r"`llama_cpp/apikey`; did you mean llama_cpp/api-key\?"
    ):
        store.get("llama_cpp/apikey")


@pytest.mark.parametrize(
    "name", ["", "../x", "/etc/x", "a//b", "a/", "A", "a b", ".a", "a.age", "a.previous", "a\n"]
)
def test_a_name_that_could_leave_the_store_or_collide_is_refused(
    store: SecretStore, name: str
) -> None:
    with pytest.raises(SecretStoreError, match="cannot name a secret"):
        store.ensure([name])
    assert not store.directory.exists()


def test_put_takes_a_value_in_once(store: SecretStore) -> None:
    store.put("hf/token", "hf_abc")
    store.put("hf/token", "hf_abc")
    with pytest.raises(SecretStoreError, match="another value already; rotate it instead"):
        store.put("hf/token", "hf_def")
    assert _value(store, "hf/token") == "hf_abc"


def test_rotation_gives_a_new_value_and_keeps_the_previous(store: SecretStore) -> None:
    store.ensure([KEY])
    assert store.previous(KEY) is None
    first = _value(store)
    second = store.rotate(KEY)
    assert store.get(KEY) == second != first
    previous = store.previous(KEY)
    assert previous is not None
    assert previous.get_secret_value() == first
    assert store.names() == [KEY]


def test_a_rotation_can_be_undone(store: SecretStore) -> None:
    store.ensure([KEY])
    first = store.get(KEY)
    second = store.rotate(KEY)
    assert store.undo_rotation(KEY) == first == store.get(KEY)
    assert store.previous(KEY) == second


def test_a_value_from_outside_is_only_rotated_to_a_given_one(store: SecretStore) -> None:
    store.put("hf/token", "hf_abc")
    with pytest.raises(SecretStoreError, match="not generated here"):
        store.rotate("hf/token")
    store.rotate("hf/token", "hf_def")
    assert _value(store, "hf/token") == "hf_def"


def _ensured(store: SecretStore) -> tuple[str, list[str]]:
    made = store.ensure([KEY])
    return _value(store) + store.rollout_id, made


def test_many_processes_at_once_make_one_store_and_one_value(store: SecretStore) -> None:
    with ProcessPoolExecutor(4, get_context("spawn")) as pool:
        results = list(pool.map(_ensured, [store] * 24))
    assert len({value for value, _ in results}) == 1
    assert [made for _, made in results if made] == [[KEY]]


def test_the_store_is_found_from_the_data_of_a_host(tmp_path: Path) -> None:
    data = {"secret_store": "here", "secret_identity": str(tmp_path / "identity.txt")}
    found = secret_store.for_data(data)
    assert (found.directory, found.identity) == (ROOT / "here", tmp_path / "identity.txt")
    with pytest.raises(SecretStoreError, match="the data lack `secret_identity`"):
        secret_store.for_data({"secret_store": "here"})


@pytest.fixture
def inventory(store: SecretStore, tmp_path: Path) -> Path:
    data = {"secret_store": str(store.directory), "secret_identity": str(store.identity)}
    path = tmp_path / "inventory.py"
    path.write_text(f"everyone = [('one', {data!r}), ('two', {data!r})]\n")
    return path


def _command(inventory: Path, *arguments: str, stdin: str = "") -> tuple[int, str, str]:
    answer = subprocess.run(
        [sys.executable, "-m", "secret_store", "--inventory", str(inventory), *arguments],
        cwd=inventory.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        input=stdin,
        capture_output=True,
        text=True,
    )
    return answer.returncode, answer.stdout, answer.stderr


def test_the_command_prints_the_value_and_nothing_else(store: SecretStore, inventory: Path) -> None:
    store.ensure([KEY])
    assert _command(inventory, KEY) == (0, f"{_value(store)}\n", "")
    assert _command(inventory, "--list") == (0, f"{KEY}\n", "")


def test_the_command_rotates_and_says_what_is_left_to_do(
    store: SecretStore, inventory: Path
) -> None:
    store.ensure([KEY])
    before = _value(store)
    status, printed, said = _command(inventory, KEY, "--rotate")
    assert (status, printed) == (0, f"{_value(store)}\n")
    assert _value(store) != before
    assert "`make apply`" in said
    assert _value(store) not in said


def test_the_command_takes_a_value_from_standard_input(store: SecretStore, inventory: Path) -> None:
    given = _command(inventory, "models/hub-token", "--stdin", stdin="hf_abc\n")
    assert given == (0, "", "")
    assert _value(store, "models/hub-token") == "hf_abc"


def test_the_command_gives_a_new_value_from_standard_input(
    store: SecretStore, inventory: Path
) -> None:
    store.put("models/hub-token", "hf_old")
    status, printed, _ = _command(
        inventory, "models/hub-token", "--stdin", "--rotate", stdin="hf_new\n"
    )
    assert (status, printed) == (0, "")
    assert _value(store, "models/hub-token") == "hf_new"


def test_the_command_refuses_an_empty_value(store: SecretStore, inventory: Path) -> None:
    expected = "secret_store: no value was given for `models/hub-token`\n"
    assert _command(inventory, "models/hub-token", "--stdin", stdin="\n") == (1, "", expected)


def test_the_command_fails_with_the_close_names(store: SecretStore, inventory: Path) -> None:
    store.ensure([KEY])
    status, printed, said = _command(inventory, "llama/api-key")
    assert (status, printed) == (1, "")
    assert "did you mean llama_cpp/api-key?" in said
