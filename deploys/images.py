"""Images: how a role names the container image that it runs."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

_REFERENCE = re.compile(r"[\w.-]+(:\d+)?(/[\w.-]+)+:(?P<tag>[\w][\w.-]*)(@sha256:[0-9a-f]{64})?")
_MOVING = ("latest", "main", "master", "nightly", "edge", "stable", "server", "server-cuda")


def pinned(image: str) -> str:
    """`image` if it names one build; ValueError if it may be another program tomorrow."""
    found = _REFERENCE.fullmatch(image)
    if found is None or ("@" not in image and found["tag"] in _MOVING):
        raise ValueError(
            f"`{image}` may become another program tomorrow; name registry, repository and the "
            "tag of one build: `registry/owner/name:1.2.3@sha256:<64 hex digits>`"
        )
    return image


Image = Annotated[str, AfterValidator(pinned)]
"""`registry/name:tag@sha256:digest`. Without the digest, the one that a host pulls first stays."""
