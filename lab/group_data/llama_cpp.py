"""llama.cpp, in the lab: the build that the outside world has, on a small machine."""

import json as _json

from deploys.llama_cpp import LlamaCpp
from lab.checkout import LOCK_FILE as _LOCK_FILE

llama_cpp = LlamaCpp(
    image=_json.loads(_LOCK_FILE.read_text())["images"]["llama_cpp"],
    model="llama-3.2-3b-instruct",
    parallel_sequences=3,
    prompt_cache_mib=64,
    memory_limit_mib=2560,
)
