"""The llama.cpp server as NVIDIA's images for a Jetson offer it, on that of the role llama_cpp."""

from __future__ import annotations

from pathlib import Path

from deploys.jetson_image import PUBLISHER, TAGS
from lab import images
from lab.engine import docker
from lab.servers import llama_cpp

FOLDER = Path(__file__).parent
NEWER_CUDA = TAGS[36].replace("b8708", "b8709")


def build() -> str:
    base = llama_cpp.build()
    definition = images.content(FOLDER) + base.encode()
    return images.cached("edge", definition, lambda tag: _build(base, tag))


def offer(image: str) -> dict[str, str]:
    """`current` is for r36 and `r39` for that. `newer_cuda` has the tag of an image for r36, and
    inside the CUDA 13 that its driver does not run: what `latest-jetson-orin` became one day.
    """
    variants = {
        "current": (TAGS[36], 8708, "12.6"),
        "newer_cuda": (NEWER_CUDA, 8709, "13.0"),
        "r39": (TAGS[39], 10373, "13.0"),
    }
    names = {variant: f"{PUBLISHER}:{tag}" for variant, (tag, _, _) in variants.items()}
    for variant, (_, build, cuda) in variants.items():
        images.commit(image, names[variant], change=f"ENV LAB_BUILD={build} LAB_CUDA={cuda}")
    return names


def _build(base: str, tag: str) -> None:
    container = docker("create", base).strip()
    try:
        docker("cp", f"{FOLDER / 'local'}/.", f"{container}:/usr/local")
        changes = (FOLDER / "image.txt").read_text().splitlines()
        docker("commit", *(part for line in changes for part in ("-c", line)), container, tag)
    finally:
        docker("rm", "--force", container)
