"""vLLM's variables: which of them a user may set."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

REFUSED: Mapping[str, str] = {
    "VLLM_API_KEY": "would put the key into the definition of the container; it comes as a file",
    "VLLM_SERVER_DEV_MODE": "opens paths that stop and reprogram the server, without a key",
    "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "lets requests load other weights",
    "VLLM_ALLOW_INSECURE_SERIALIZATION": "lets requests run code",
    "VLLM_ALLOW_LONG_MAX_MODEL_LEN": "lets a context grow past what the model was made for",
    "VLLM_NO_USAGE_STATS": "is set by the role, which has nobody told of the usage",
    "VLLM_USAGE_STATS_SERVER": "names somebody to be told of the usage, which nobody is",
    "VLLM_PORT": "moves the server away from where its users ask",
}


def complaint(names: Iterable[str]) -> str:
    """Why these variables cannot be set; empty if they can."""
    for name in names:
        if name in REFUSED:
            return f"`{name}` {REFUSED[name]}; take it out"
        if not re.fullmatch(r"VLLM_[A-Z0-9_]+", name):
            return f"`{name}` is no variable of vLLM (VLLM_...); take it out"
    return ""
