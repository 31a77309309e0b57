"""llama.cpp's images: pinned, and from where the project is today."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from deploys.images import Image


def _where_the_project_is(image: str) -> str:
    if "/ggerganov/" in image:
        raise ValueError(
            f"`{image}` is where the project was; its images are now ghcr.io/ggml-org/llama.cpp"
        )
    return image


LlamaImage = Annotated[Image, AfterValidator(_where_the_project_is)]
"""An image of llama.cpp, pinned, from where the project is today."""
