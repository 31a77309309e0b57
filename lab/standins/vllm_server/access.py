"""Access: which paths ask for the key; vllm/entrypoints/serve/middleware/authenticate.py."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence

GUARDED = ("/v1", "/v2", "/inference", "/cohere")


class Keys:
    """The keys of a server; without any, everybody may do everything."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._hashes = [hashlib.sha256(key.encode()).digest() for key in keys]

    def let_in(self, method: str, path: str, authorization: str) -> bool:
        """Whether a request gets past; every other path is open, as /invocations."""
        if not self._hashes or method == "OPTIONS" or not path.startswith(GUARDED):
            return True
        scheme, _, shown = authorization.partition(" ")
        digest = hashlib.sha256(shown.encode()).digest()
        known = [secrets.compare_digest(digest, key) for key in self._hashes]
        return scheme.lower() == "bearer" and any(known)
