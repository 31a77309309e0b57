"""vLLM's image as its project offers it, with the stand-in in the place of the server."""

from __future__ import annotations

import tempfile
from pathlib import Path

from lab import images
from lab.checkout import LAB
from lab.engine import docker, run

FOLDER = Path(__file__).parent
PROGRAM = (LAB / "standins" / "vllm_server", LAB / "standins" / "vllm")
REPOSITORY = "docker.io/vllm/vllm-openai"
GONE = "--seed"
"""The argument that the variant `fewer_arguments` does not know any more."""


def build() -> str:
    return images.cached("vllm", images.content(FOLDER, *PROGRAM), _build)


def offer(image: str) -> dict[str, str]:
    """`current` is the version that the recordings are of. `upgrade` is the same under the next
    number. `unhealthy` takes its arguments and loads for ever. `fewer_arguments` is a later one
    that does not know `GONE`.
    """
    variants = {
        "current": ("0.33.0", ""),
        "upgrade": ("0.33.1", ""),
        "unhealthy": ("0.33.2", "LAB_VLLM_NEVER_READY=1"),
        "fewer_arguments": ("0.34.0", f"LAB_VLLM_WITHOUT={GONE}"),
    }
    names = {name: f"{REPOSITORY}:v{number}" for name, (number, _) in variants.items()}
    for name, (number, more) in variants.items():
        images.commit(image, names[name], change=f"ENV LAB_VLLM_VERSION={number} {more}".strip())
    return names


def _build(tag: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        tar = Path(name) / "root.tar"
        run(
            *("mmdebstrap", "--variant=extract", "--mode=root"),
            "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
            f"--include={','.join(images.words(FOLDER / 'packages.txt'))}",
            '--aptopt=APT::Install-Recommends "false"',
            *(f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("man", "locale", "doc")),
            '--extract-hook=mkdir -p "$1/opt/vllm"',
            f"--extract-hook=copy-in {' '.join(map(str, PROGRAM))} /opt/vllm",
            f"--extract-hook={FOLDER / 'extracted.sh'}",
            *(images.SUITE, str(tar)),
        )
        change = (FOLDER / "image.txt").read_text().splitlines()
        docker("import", *(part for line in change for part in ("-c", line)), str(tar), tag)
