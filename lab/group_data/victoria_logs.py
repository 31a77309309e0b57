"""VictoriaLogs, in the lab: the release that the outside world has, on a small machine."""

import json as _json

from deploys.victoria_logs import archive_url as _archive_url
from group_data.victoria_logs import victoria_logs as _victoria_logs
from lab.checkout import LOCK_FILE as _LOCK_FILE

_releases = _json.loads(_LOCK_FILE.read_text())["releases"]

victoria_logs = _victoria_logs.model_copy(
    update={
        "sha256": _releases[_archive_url(_victoria_logs.version)],
        "memory_limit_mib": 512,
    }
)
