"""Images for a Jetson: what a tag says of the Jetson Linux and the CUDA that they were built for.

NVIDIA's are tagged like `b8708-r36.4-tegra-aarch64-cu126-22.04`. One that does not fit its board
mostly starts all the same, finds no GPU and serves on the processor, ten times slower.
"""

from __future__ import annotations

import re

from deploys.jetpack import KNOWN
from facts.jetson_linux import Release

PUBLISHER = "ghcr.io/nvidia-ai-iot/llama_cpp"
TAGS = {
    36: "b8708-r36.4-tegra-aarch64-cu126-22.04",
    39: "b10373-r38.2.arm64-sbsa-cp312-cu130-24.04",
}
"""By major release: a tag that fits it, as an example."""
PLATFORMS = {36: ("tegra-aarch64",), 39: ("tegra-aarch64", "arm64-sbsa")}
"""By major release. r36 has libraries of its own, Tegra's; JetPack 7.2 has an Orin run what is made
for servers too (SBSA; NVIDIA's release notes of CUDA 13.2)."""
BASES = {36: (36,), 39: (38, 39)}
"""By major release: those whose images it runs; r38 brought JetPack 7 to other boards."""

_RELEASE = re.compile(r"(?:^|-)r(\d+)\.(\d+)(?:\.\d+)?[-.]")
_CUDA = re.compile(r"(?:^|-)cu(\d\d)(\d)(?:-|$)")
_BUILD = re.compile(r"(?:^|-)b(\d+)-")


def build(image: str) -> int:
    """The build of llama.cpp that a tag names; 0 where it names none."""
    found = _BUILD.search(_tag(image))
    return int(found[1]) if found else 0


def misfit(image: str, major: int) -> str:
    """Why `image` does not run on the GPU of a board with r`major`; empty if its tag fits."""
    tag, pack = _tag(image), KNOWN[major]
    release, cuda = _RELEASE.search(tag), _CUDA.search(tag)
    if release is None or cuda is None or not build(image):
        return "its tag does not say for which Jetson Linux and CUDA which build was made"
    if int(release[1]) not in BASES[major]:
        return f"it was made for r{release[1]}.{release[2]}"
    if not any(platform in tag for platform in PLATFORMS[major]):
        return f"its tag does not have {' or '.join(f'`{name}`' for name in PLATFORMS[major])}"
    if (int(cuda[1]), int(cuda[2])) > pack.cuda:
        return f"it has CUDA {cuda[1]}.{cuda[2]}, and the driver there runs {_dotted(pack.cuda)}"
    return ""


def too_new(image: str, release: Release) -> str:
    """Why the board's own revision is too old for an image made for it; empty if it is not."""
    found = _RELEASE.search(_tag(image))
    numbers = (int(found[1]), int(found[2])) if found else (0, 0)
    if numbers <= (release.major, int(release.revision.partition(".")[0])):
        return ""
    return (
        f"it runs Jetson Linux {release}, and `{image}` was made for r{numbers[0]}.{numbers[1]}; "
        "upgrade the board, or name an older image in group_data/edge.py"
    )


def _tag(image: str) -> str:
    return image.partition("@")[0].rpartition(":")[2]


def _dotted(cuda: tuple[int, int]) -> str:
    return f"{cuda[0]}.{cuda[1]}"
