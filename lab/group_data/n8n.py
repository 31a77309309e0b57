"""n8n, in the lab: Node and the addon that the outside world has."""

import json as _json

from group_data.n8n import n8n as _n8n
from lab.checkout import LOCK_FILE as _LOCK_FILE

_releases = _json.loads(_LOCK_FILE.read_text())["releases"]

n8n = _n8n.model_copy(
    update={
        "node_sha256": _releases[_n8n.node_archive().url],
        "sqlite_addon_sha256": _releases[_n8n.sqlite_addon().url],
    }
)
