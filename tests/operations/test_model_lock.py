"""The models' lock file: what a first download found is held to ever after."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pyinfra.api.exceptions import DeployError

from operations import model_lock
from operations.model_lock import Found

SOURCE = "owner/Small@" + "a" * 40
ONE, OTHER = Found(10, "1" * 64), Found(10, "2" * 64)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "models.lock.json"


def test_nothing_is_locked_before_the_first_download(path: Path) -> None:
    assert model_lock.read(path) == {}


def test_what_was_found_is_kept_sorted_and_readable(path: Path) -> None:
    assert model_lock.record(path, {SOURCE: {"b": ONE, "a": OTHER}}) == []
    assert path.read_text() == (
        json.dumps({SOURCE: {"a": vars(OTHER), "b": vars(ONE)}}, indent=2, sort_keys=True) + "\n"
    )
    assert path.stat().st_mode & 0o777 == 0o644
    assert model_lock.read(path) == {SOURCE: {"a": OTHER, "b": ONE}}


def test_the_same_again_leaves_the_file_alone(path: Path) -> None:
    model_lock.record(path, {SOURCE: {"a": ONE}})
    inode = path.stat().st_ino
    assert model_lock.record(path, {SOURCE: {"a": ONE}}) == []
    assert path.stat().st_ino == inode


def test_nothing_found_makes_no_file(path: Path) -> None:
    assert model_lock.record(path, {}) == []
    assert not path.exists()


def test_what_contradicts_the_lock_stays_out_of_it(path: Path) -> None:
    model_lock.record(path, {SOURCE: {"a": ONE}})
    (said,) = model_lock.record(path, {SOURCE: {"a": OTHER, "b": ONE}})
    assert said == (
        f"{path} has the sha256 {ONE.sha256} for a of {SOURCE}, but {OTHER.sha256} was found: "
        "compare both with the file's page on the hub, and remove the wrong one"
    )
    assert model_lock.read(path) == {SOURCE: {"a": ONE, "b": ONE}}


def test_hosts_that_end_together_lose_nothing(path: Path) -> None:
    sources = [f"owner/{number}@{'a' * 40}" for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda source: model_lock.record(path, {source: {"a": ONE}}), sources))
    assert sorted(model_lock.read(path)) == sorted(sources)


@pytest.mark.parametrize("text", ["{", '{"a": 1}', '{"a": {"b": {"size": 1}}}', "[]"])
def test_a_damaged_file_is_refused(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(DeployError) as refused:
        model_lock.read(path)
    assert str(refused.value) == f"{path} is damaged; restore it from your repository"


def test_the_path_starts_at_the_checkout_and_has_to_be_named() -> None:
    named = model_lock.path_in({"model_lock": "models.lock.json"})
    assert named == model_lock.ROOT / "models.lock.json"
    with pytest.raises(DeployError) as refused:
        model_lock.path_in({})
    assert str(refused.value) == "the data lack `model_lock`; set it in group_data/all.py"
