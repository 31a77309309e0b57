"""n8n: what fails leaves it as it was, and what somebody changed by hand is named and kept."""

from __future__ import annotations

import json
from collections.abc import Generator

import pytest

import inventory_json
import secret_store
from deploys.n8n_files import DATABASE, ENCRYPTION_KEY, IMPORT, STATE
from lab.checkout import ROOT
from lab.group_data.n8n import n8n
from tests.lab.altered_checkout import AlteredCheckout
from tests.lab.conftest import INVENTORY, apply, changed, converge, plan, shell

HOST = "sclimers-automation"
WORKFLOW = "files/n8n/workflows/by-test.json"
ID = "byTest0000000001"
DRIFT = f"{IMPORT} drift --state {STATE} --files /etc/n8n/workflows"
BODY = {
    "id": ID,
    "name": "By a test",
    "settings": {"executionOrder": "v1"},
    "nodes": [
        {
            "id": "11111111-0000-4000-8000-000000000001",
            "name": "Hook",
            "type": "n8n-nodes-base.webhook",
            "typeVersion": 2,
            "position": [0, 0],
            "webhookId": "11111111-0000-4000-8000-0000000000aa",
            "parameters": {
                "httpMethod": "POST",
                "path": "by-test",
                "responseMode": "onReceived",
                "authentication": "headerAuth",
                "options": {},
            },
            "credentials": {"httpHeaderAuth": {"id": "webhookToken0001", "name": "Webhook token"}},
        }
    ],
    "connections": {},
}


@pytest.fixture(scope="module", autouse=True)
def start_converged() -> Generator[None]:
    converge(HOST)
    yield
    converge(HOST)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> AlteredCheckout:
    """One with a workflow of its own, rolled out."""
    altered = AlteredCheckout(tmp_path_factory.mktemp("n8n"))
    (altered.directory / WORKFLOW).write_text(json.dumps(BODY))
    done = altered.apply(HOST)
    assert done.returncode == 0, done.stdout
    return altered


def webhook(token: str) -> str:
    """The status that a webhook answers to this token."""
    ask = "curl --silent --output /dev/null --write-out '%{http_code}' --request POST"
    address = f"$(sed -n 's/^N8N_LISTEN_ADDRESS=//p' /etc/n8n/n8n.env):{n8n.port}"
    return shell(
        HOST, f"{ask} --header 'Authorization: Bearer {token}' http://{address}/webhook/by-test"
    )


def executions() -> str:
    """How often the workflow of these tests was run; another one is run each minute."""
    query = "SELECT count(*) FROM execution_entity WHERE workflowId = ?"
    return shell(
        HOST,
        f"python3 -c \"import sqlite3; print(sqlite3.connect('file:{DATABASE}?mode=ro', uri=True)"
        f".execute('{query}', ['{ID}']).fetchone())\"",
    )


def store() -> secret_store.SecretStore:
    return secret_store.for_data(inventory_json.read(ROOT / INVENTORY)[0].data)


def test_a_webhook_wants_the_token(checkout: AlteredCheckout) -> None:
    before = executions()
    assert webhook("wrong") == "403"
    assert executions() == before
    assert webhook(store().get("n8n/webhook-token").get_secret_value()) == "200"


def test_a_workflow_changed_in_n8n_is_named_kept_and_put_back(checkout: AlteredCheckout) -> None:
    change = f"UPDATE workflow_entity SET name = 'By hand' WHERE id = '{ID}'"
    shell(
        HOST,
        f"python3 -c \"import sqlite3; c = sqlite3.connect('{DATABASE}', timeout=30); "
        f'c.execute(\\"{change}\\"); c.commit()"',
    )
    assert shell(HOST, DRIFT) == f"By a test ({ID}): changed in n8n\n"
    done = checkout.apply(HOST, deploy="deploys.n8n.install")
    assert done.returncode == 0, done.stdout
    assert shell(HOST, DRIFT) == ""
    kept = shell(HOST, f'cat "$(ls -t {STATE}/replaced/{ID}*.json | head -n 1)"')
    assert json.loads(kept)["name"] == "By hand"


def test_a_version_that_does_not_get_well_is_taken_back_with_the_data(
    checkout: AlteredCheckout,
) -> None:
    """The new tree writes into the database, as a migration does, then ends."""
    before = shell(
        HOST,
        f"cat {STATE}/versions/version; readlink /proc/$(systemctl show"
        " --property MainPID --value n8n)/exe",
    )
    file = "files/n8n/left-out/n8n-nodes-langchain/mcp-core.js"
    (checkout.directory / file).write_text(
        "const { execFileSync } = require('node:child_process');\n"
        "execFileSync('python3', ['-c', \"import sqlite3; c = sqlite3.connect('"
        f"{DATABASE}'); c.execute('CREATE TABLE half_a_migration (x)'); c.commit()\"]);\n"
        "throw new Error('this version never gets well');\n"
    )
    done = checkout.apply(HOST, deploy="deploys.n8n.install")
    assert done.returncode != 0
    assert "the previous state is back and answers" in done.stdout
    assert (
        shell(
            HOST,
            f"cat {STATE}/versions/version; readlink /proc/$(systemctl show"
            " --property MainPID --value n8n)/exe",
        )
        == before
    )
    tables = (
        f"python3 -c \"import sqlite3; print(sqlite3.connect('file:{DATABASE}?mode=ro', uri=True)"
        ".execute('SELECT name FROM sqlite_master').fetchall())\""
    )
    assert "half_a_migration" not in shell(HOST, tables)


def test_another_key_is_refused_before_anything_is_touched() -> None:
    started = shell(HOST, "systemctl show --property ActiveEnterTimestamp n8n")
    store().rotate(ENCRYPTION_KEY)
    try:
        done = apply(HOST)
        assert done.returncode != 0
        assert "was made with another key than the secret n8n/encryption-key" in (
            done.stdout + done.stderr
        )
        assert shell(HOST, "systemctl show --property ActiveEnterTimestamp n8n") == started
    finally:
        store().undo_rotation(ENCRYPTION_KEY)


def test_nothing_is_made_again_by_a_second_run() -> None:
    converge(HOST)
    assert changed(plan(HOST)) == {}
