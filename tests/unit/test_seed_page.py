"""docs/seeds.md names tests that exist, and the documents that cases of the tests refer to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "seeds.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(test_\w+(?:\.py)?)`", PAGE)))
DOCUMENTS = set(re.findall(r"^\| (\w+) \| [\w-]+\.md \|$", PAGE, re.MULTILINE))
FILES = list((ROOT / "tests").rglob("test_*.py"))
FUNCTIONS = {
    name
    for file in FILES
    for name in re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
}
WITH_CASES = [
    file
    for file in FILES
    if file.name.startswith("test_seed_") and file.name != Path(__file__).name
]


@pytest.mark.parametrize("name", NAMED)
def test_a_test_that_it_names_is_there(name: str) -> None:
    assert name in FUNCTIONS | {file.name for file in FILES}


@pytest.mark.parametrize("file", WITH_CASES, ids=lambda file: file.name)
def test_it_names_each_file_of_cases_and_their_documents(file: Path) -> None:
    assert file.name in NAMED
    assert set(re.findall(r'^    "(\w+):\d+: ', file.read_text(), re.MULTILINE)) <= DOCUMENTS
