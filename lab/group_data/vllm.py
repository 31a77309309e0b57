"""vLLM, in the lab: production's settings with the image that the outside world has, on less."""

import json as _json

from group_data.vllm import vllm as _vllm
from lab.checkout import LOCK_FILE as _LOCK_FILE

vllm = _vllm.model_copy(
    update={
        "image": _json.loads(_LOCK_FILE.read_text())["images"]["vllm"],
        "memory_limit_mib": 1024,
        "shared_memory_mib": 64,
        "start_seconds": 60,
    }
)
