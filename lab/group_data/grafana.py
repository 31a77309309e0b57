"""Grafana, in the lab: the repository's key and the plugin's archive are the outside world's."""

import json as _json

from deploys.grafana import Grafana
from group_data.grafana import grafana as _grafana
from lab.checkout import LOCK_FILE as _LOCK_FILE

_lock = _json.loads(_LOCK_FILE.read_text())

grafana = Grafana(
    **{
        **_grafana.model_dump(),
        "key_fingerprint": _lock["keys"]["grafana"],
        "logs_plugin_sha256": _lock["releases"][_grafana.logs_plugin().url],
    }
)
