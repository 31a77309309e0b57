"""DCGM exporter, in the lab: the release that the outside world has."""

import json as _json

from deploys.dcgm_exporter import DcgmExporter
from lab.checkout import LOCK_FILE as _LOCK_FILE

dcgm_exporter = DcgmExporter(
    image=_json.loads(_LOCK_FILE.read_text())["images"]["dcgm_exporter"],
    interval_seconds=1,
    memory_limit_mib=128,
)
