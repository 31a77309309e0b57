"""vLLM's image: which versions know the cards of today, and which one a reference names."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from deploys.images import Image

OLDEST = (0, 31, 0)


def version(image: str) -> str:
    """The vLLM in an image by its tag, `0.33.0`; empty where it is not vLLM's own image."""
    found = re.search(r"/vllm-openai:v(\d+\.\d+\.\d+)", image)
    return found[1] if found else ""


def _knows_the_card(image: str) -> str:
    numbers = version(image)
    if not numbers:
        raise ValueError(
            f"`{image}` does not say which vLLM it has; take `docker.io/vllm/vllm-openai:v<number>`"
        )
    if tuple(map(int, numbers.split("."))) < OLDEST:
        raise ValueError(
            f"`{image}` is too old: up to v0.7 vLLM has no kernels for sm_120, the RTX 50 "
            "cards, v0.9.2 ran there and v0.10.0 did not; take v0.31.0 or newer, made with "
            "CUDA 13"
        )
    return image


VllmImage = Annotated[Image, AfterValidator(_knows_the_card)]
"""An image of vLLM, as `name:tag`, that has kernels for the card."""
