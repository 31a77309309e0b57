"""import-workflows: what is imported, what is left alone, and what becomes of changes by hand."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.unit import power_cut

PROGRAM = Path(__file__).parents[2] / "files" / "n8n" / "import-workflows"
ID = "commitNotes000001"
NODES = [{"id": "1", "name": "Hook", "type": "n8n-nodes-base.webhook"}]
# Does to the database what n8n's commands do, and writes down that it was asked.
N8N = """
import json, pathlib, sqlite3, sys
state = pathlib.Path({state!r})
with (state / "asked").open("a") as asked:
    asked.write(sys.argv[1] + "\\n")
given = dict(x.removeprefix("--").partition("=")[::2] for x in sys.argv[2:])
database = sqlite3.connect(state / ".n8n" / "database.sqlite")
if sys.argv[1] == "import:credentials":
    for row in json.loads(pathlib.Path(given["input"]).read_text()):
        database.execute("REPLACE INTO credentials_entity VALUES (?, 'now')", (row["id"],))
if sys.argv[1] == "import:workflow":
    for file in pathlib.Path(given["input"]).iterdir():
        body = json.loads(file.read_text())
        if body["name"] == "refused":
            continue
        query = "SELECT 1 FROM workflow_entity WHERE id = ? AND active"
        if database.execute(query, (body["id"],)).fetchone():
            sys.exit("You do not have permission to deactivate this workflow.")
        texts = [json.dumps(body[x]) for x in ("nodes", "connections", "settings")]
        row = (body["id"], body["name"], *texts, 0, None)
        database.execute("REPLACE INTO workflow_entity VALUES (?, ?, ?, ?, ?, ?, ?)", row)
if sys.argv[1] == "publish:workflow":
    query = "SELECT nodes, connections FROM workflow_entity WHERE id = ?"
    row = database.execute(query, (given["id"],)).fetchone()
    if row:
        database.execute("REPLACE INTO workflow_history VALUES (?, ?, ?)", ("v", *row))
    query = "UPDATE workflow_entity SET active = 1, activeVersionId = 'v' WHERE id = ?"
    database.execute(query, (given["id"],))
if sys.argv[1] == "unpublish:workflow":
    query = "UPDATE workflow_entity SET active = 0 WHERE id = ?"
    database.execute(query, (given["id"],))
database.commit()
"""

Done = subprocess.CompletedProcess[str]


class Instance:
    """An n8n that is off: its database, and the files that it shall hold."""

    def __init__(self, directory: Path) -> None:
        self.state, self.files = directory / "state", directory / "files"
        self.credentials, self.n8n = directory / "credentials.json", directory / "n8n"
        self.database = self.state / ".n8n" / "database.sqlite"
        self.database.parent.mkdir(parents=True)
        self.files.mkdir()
        self.n8n.write_text(N8N.format(state=str(self.state)))
        self.credentials.write_text('[{"id": "webhookToken0001"}]')
        self.query("CREATE TABLE credentials_entity (id PRIMARY KEY, updatedAt)")
        self.query("CREATE TABLE workflow_history (versionId PRIMARY KEY, nodes, connections)")
        columns = "id PRIMARY KEY, name, nodes, connections, settings, active, activeVersionId"
        self.query(f"CREATE TABLE workflow_entity ({columns})")

    def query(self, text: str) -> list[Any]:
        with closing(sqlite3.connect(self.database)) as connection, connection:
            return connection.execute(text).fetchall()

    def has_file(self, **changes: object) -> None:
        body = {"id": ID, "name": "Commits", "nodes": NODES, "connections": {}, "settings": {}}
        (self.files / "commits.json").write_text(json.dumps({**body, **changes}))

    def bring_in(self, by: Sequence[str] = ()) -> Done:
        n8n = ("--node", sys.executable, "--n8n", str(self.n8n))
        return self._run("import", "--credentials", str(self.credentials), *n8n, by=by)

    def drift(self) -> str:
        return self._run("drift").stdout

    def asked(self) -> list[str]:
        """The commands since the last time that this was asked."""
        file = self.state / "asked"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return lines

    def _run(self, action: str, *more: str, by: Sequence[str] = ()) -> Done:
        command = [str(PROGRAM), action, "--files", str(self.files), "--state", str(self.state)]
        return subprocess.run([*by, *command, *more], capture_output=True, text=True)


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    return Instance(tmp_path)


@pytest.fixture
def filled(instance: Instance) -> Instance:
    """One that holds what its files say."""
    instance.has_file()
    assert instance.bring_in().returncode == 0
    instance.asked()
    return instance


def test_a_new_instance_gets_all_and_a_second_start_asks_nothing(instance: Instance) -> None:
    instance.has_file()
    assert instance.bring_in().returncode == 0
    assert instance.asked() == ["import:credentials", "import:workflow", "publish:workflow"]
    assert instance.drift() == ""
    assert list((instance.state / "replaced").iterdir()) == []
    assert instance.bring_in().stdout == ""
    assert instance.asked() == []


def test_a_changed_file_is_imported_and_nothing_is_kept_of_the_one_before(
    filled: Instance,
) -> None:
    filled.has_file(name="Commits 2")
    assert filled.drift() == f"Commits 2 ({ID}): changed in n8n\n"
    assert filled.bring_in().returncode == 0
    assert filled.asked() == ["unpublish:workflow", "import:workflow", "publish:workflow"]
    assert list((filled.state / "replaced").iterdir()) == []


def test_a_change_in_the_editor_is_drift_and_kept_when_it_is_overwritten(filled: Instance) -> None:
    filled.query("UPDATE workflow_entity SET nodes = '[]'")
    assert filled.drift() == f"Commits ({ID}): changed in n8n\n"
    done = filled.bring_in()
    (kept,) = (filled.state / "replaced").iterdir()
    assert done.stdout == f"Commits: somebody changed it; kept as {kept}\n" + (
        "Commits: imported and published\n"
    )
    body = json.loads(kept.read_text())
    assert (body["id"], body["name"], body["nodes"]) == (ID, "Commits", [])
    assert filled.drift() == ""


def test_after_a_power_cut_it_is_known_what_was_imported(instance: Instance) -> None:
    instance.has_file()
    instance.bring_in(by=power_cut.program(instance.state, 99))
    instance.asked()
    assert instance.bring_in().returncode == 0
    assert instance.asked() == []


def test_a_change_in_the_editor_is_kept_on_the_disk(filled: Instance) -> None:
    filled.query("UPDATE workflow_entity SET nodes = '[]'")
    filled.bring_in(by=power_cut.program(filled.state, 99))
    (kept,) = (filled.state / "replaced").iterdir()
    assert json.loads(kept.read_text())["nodes"] == []


@pytest.mark.parametrize("left", ["", "\0" * 80, '{"workflows": {'])
def test_a_record_that_cannot_be_read_is_made_anew(filled: Instance, left: str) -> None:
    record = filled.state / "imported.json"
    before = record.read_text()
    record.write_text(left)
    assert filled.bring_in().returncode == 0
    assert filled.asked() == ["import:credentials"]
    assert record.read_text() == before


@pytest.mark.parametrize(
    ("change", "drift"),
    [
        ("UPDATE workflow_entity SET active = 0", "changed in n8n"),
        ("UPDATE workflow_history SET nodes = '[]'", "changed in n8n"),
        ("DELETE FROM workflow_entity", "missing"),
    ],
)
def test_what_does_not_run_as_its_file_is_drift(filled: Instance, change: str, drift: str) -> None:
    filled.query(change)
    assert filled.drift() == f"Commits ({ID}): {drift}\n"
    assert filled.bring_in().returncode == 0
    assert filled.drift() == ""


def test_settings_that_n8n_adds_are_none_of_ours(filled: Instance) -> None:
    filled.query("""UPDATE workflow_entity SET settings = '{"binaryMode": "separate"}'""")
    assert filled.drift() == ""


def test_a_workflow_without_a_file_is_unpublished_and_stays(filled: Instance) -> None:
    (filled.files / "commits.json").unlink()
    assert filled.bring_in().returncode == 0
    assert filled.asked() == ["unpublish:workflow"]
    assert filled.query("SELECT id, active FROM workflow_entity") == [(ID, 0)]
    assert filled.bring_in().returncode == 0
    assert filled.asked() == []


@pytest.mark.parametrize("how", ["rotated", "changed in the editor"])
def test_credentials_are_imported_again_when_they_differ(filled: Instance, how: str) -> None:
    if how == "rotated":
        filled.credentials.write_text('[{"id": "webhookToken0001", "data": "new"}]')
    else:
        filled.query("UPDATE credentials_entity SET updatedAt = 'later'")
    assert filled.bring_in().returncode == 0
    assert filled.asked() == ["import:credentials"]


def test_what_n8n_does_not_take_fails_the_start(instance: Instance) -> None:
    instance.has_file(name="refused")
    done = instance.bring_in()
    assert (done.returncode, done.stderr) == (
        1,
        f"import-workflows: n8n does not have refused ({ID}) as its file says; "
        "import the file in the editor and see what n8n makes of it\n",
    )


def test_a_file_that_is_no_workflow_is_named(instance: Instance) -> None:
    (instance.files / "commits.json").write_text('{"id": "x"}')
    done = instance.bring_in()
    assert (done.returncode, done.stderr) == (
        1,
        "import-workflows: commits.json is no workflow (KeyError('name')); correct it\n",
    )
    assert instance.asked() == []
