"""Triton's releases: which of them are safe, which run on a card, and which one an image has."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from deploys.images import Image

FIRST_SAFE = (25, 7)
NEWEST_FOR_DRIVER, NEXT_DRIVER_BRANCH = (26, 2), 590
"""The last release that a driver before that branch runs on a card."""

_TAG = re.compile(r":(\d\d)\.(\d\d)-py3(@|$)")


def release(image: str) -> tuple[int, int]:
    """Year and month of a release: `tritonserver:25.10-py3` is (25, 10)."""
    found = _TAG.search(image)
    if found is None:
        raise ValueError(
            f"`{image}` is no release with the server and its Python backend; use the tag "
            "`YY.MM-py3`, such as 25.10-py3"
        )
    return int(found[1]), int(found[2])


def needs_newer_driver(image: str, branch: int) -> bool:
    """Whether a card that a driver of this branch drives is beyond the reach of `image`."""
    return branch < NEXT_DRIVER_BRANCH and release(image) > NEWEST_FOR_DRIVER


def name(of: tuple[int, int]) -> str:
    """The tag of a release: `25.10-py3`."""
    year, month = of
    return f"{year}.{month:02}-py3"


def _is_safe(image: str) -> str:
    if release(image) < FIRST_SAFE:
        raise ValueError(
            f"`{image}` lets whoever reaches it run programs (CVE-2025-23310, CVE-2025-23319); "
            f"use {name(FIRST_SAFE)} or newer"
        )
    return image


TritonImage = Annotated[Image, AfterValidator(_is_safe)]
"""An image of Triton, as `name:YY.MM-py3`, that keeps its users from running programs."""
