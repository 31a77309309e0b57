"""n8n's steps: how its files become the n8n that runs, and how that one is known to serve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploys.n8n_files import (
    CONFIGURATION,
    DATABASE,
    IMPORT,
    STATE,
    UNIT,
    UNIT_FILE,
    VERSIONED_DATA,
)
from deploys.n8n_tree import DIRECTORY, SOURCE
from deploys.rendering import render
from operations.transaction import Steps

if TYPE_CHECKING:
    from deploys.n8n import N8n


def steps(settings: N8n, *, addon: str, tree: str, endpoint: str) -> Steps:
    """`addon`, `tree`: the folders of sqlite's addon and of the packages; `endpoint`: where it
    answers, as `address:port`."""
    values = {
        "settings": settings,
        "directory": DIRECTORY,
        "source": SOURCE,
        "addon": f"{addon}/build/Release/node_sqlite3.node",
        "configuration": CONFIGURATION,
        "state": STATE,
        "database": DATABASE,
        "import_workflows": IMPORT,
        "versioned_data": VERSIONED_DATA,
        "endpoint": endpoint,
        "unit": UNIT,
        "unit_file": UNIT_FILE,
        # The first start makes the database, table by table.
        "start_seconds": 180,
    }
    prepare, activate, probe = (
        render(f"n8n/steps/{name}.sh.j2", **values).decode()
        for name in ("prepare", "activate", "probe")
    )
    check = f'python3 -B "$STAGE{IMPORT}" check --files "$STAGE{CONFIGURATION}/workflows"\n'
    drift = f"{IMPORT} drift --state {STATE} --files {CONFIGURATION}/workflows"
    named = f"{drift} | sed 's/^/differs: /'"
    return Steps(
        prepare=prepare,
        validate=check,
        activate=activate,
        probe=probe,
        # Its API comes some time after its first answer.
        probe_seconds=90,
        live=f"cat {tree}/complete && {named}",
    )
