"""`vllm`: reads its command line, starts as vLLM does or refuses to, and serves until it is told.

The image may play another version: LAB_VLLM_VERSION is its number, LAB_VLLM_WITHOUT the arguments
that it does not know, and with LAB_VLLM_NEVER_READY it loads for ever.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence

from . import card, server
from .access import Keys
from .arguments import parse
from .engine import Engine
from .refusal import Refused
from .startup import served


def main(argv: Sequence[str], environment: Mapping[str, str]) -> int:
    # The first process of a container is not ended by a signal that it does not handle.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    version = environment.get("LAB_VLLM_VERSION", "0.33.0")
    try:
        found = card.found() if "serve" in argv[:1] else None
        arguments = parse(argv, version, environment.get("LAB_VLLM_WITHOUT", "").split())
        assert found is not None
        print(
            f"(APIServer pid=1) INFO [api_server.py] vLLM API server version {version}", flush=True
        )
        if environment.get("LAB_VLLM_NEVER_READY"):
            _load_for_ever()
        start = served(arguments, found)
    except Refused as refused:
        print(refused, file=sys.stderr, flush=True)
        return 1
    tokens, context = start.cache_tokens, start.context_tokens
    print(
        f"(EngineCore pid=2) INFO [kv_cache_utils.py] GPU KV cache size: {tokens:,} tokens, "
        f"Maximum concurrency for {context:,} tokens per request: {tokens / context:.2f}x",
        flush=True,
    )
    keys = arguments.api_key or [environment.get("VLLM_API_KEY", "")]
    site = server.site(
        Engine(start),
        Keys([key for key in keys if key]),
        version,
        not arguments.disable_fastapi_docs,
        arguments.disable_access_log_for_endpoints,
    )
    _serve(server.listen(site, arguments.port))
    return 0


def _serve(listening: server.Server) -> None:
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=listening.shutdown).start())
    print("(APIServer pid=1) INFO:     Application startup complete.", flush=True)
    listening.serve_forever(poll_interval=0.1)


def _load_for_ever() -> None:
    print("(EngineCore pid=2) INFO [gpu_model_runner.py] Starting to load model...", flush=True)
    print(
        "(EngineCore pid=2) WARNING [shm_broadcast.py] No available shared memory broadcast block "
        "found in 60 seconds.",
        flush=True,
    )
    while True:
        signal.pause()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
