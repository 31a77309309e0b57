"""Edge, in the lab: the builds that the outside world has, on a small machine."""

import json as _json

from deploys.edge import Edge
from lab.checkout import LOCK_FILE as _LOCK_FILE

_lock = _json.loads(_LOCK_FILE.read_text())

edge = Edge(
    images={36: _lock["images"]["edge"], 39: _lock["variants"]["edge"]["r39"]},
    model="llama-3.2-1b-instruct",
    threads=1,
    prompt_cache_mib=64,
    memory_limit_mib=2560,
)
