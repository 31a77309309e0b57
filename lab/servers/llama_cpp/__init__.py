"""The llama.cpp server as its project's image offers it, from Debian's package of it."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from lab import images
from lab.engine import LabError, docker, run

FOLDER = Path(__file__).parent
REPOSITORY = "ghcr.io/ggml-org/llama.cpp"


def build() -> str:
    return images.cached("llama-cpp", images.content(FOLDER), _build)


def offer(image: str) -> dict[str, str]:
    """`current` is the build that Debian has. `upgrade` is the same program under the next build
    number and another digest. `unhealthy` starts but never answers its health check.
    """
    # It says its version on standard error.
    ask = ("-c", "/app/llama-server --version 2>&1")
    number = _build_number(docker("run", "--rm", "--entrypoint", "sh", image, *ask))
    names = {
        variant: f"{REPOSITORY}:server-b{number + later}"
        for later, variant in enumerate(("current", "upgrade", "unhealthy"))
    }
    docker("tag", image, names["current"])
    images.commit(image, names["upgrade"], change=f"ENV LAB_VARIANT=b{number + 1}")
    images.commit(
        image,
        names["unhealthy"],
        change=f"ENV LAB_VARIANT=b{number + 2}",
        replace=(FOLDER / "never-healthy.sh", "/app/llama-server"),
    )
    return names


def _build(tag: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        tar = Path(name) / "root.tar"
        run(
            *("mmdebstrap", "--variant=extract", "--mode=root"),
            "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
            f"--include={','.join(images.words(FOLDER / 'packages.txt'))}",
            '--aptopt=APT::Install-Recommends "false"',
            # A mirror may keep sid as it was on one day; nothing else of the lab is taken from it.
            "--aptopt=Acquire::Check-Valid-Until false",
            *(f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("man", "locale", "doc")),
            f"--extract-hook={FOLDER / 'extracted.sh'}",
            *("sid", str(tar)),
        )
        change = (FOLDER / "image.txt").read_text().splitlines()
        docker("import", *(part for line in change for part in ("-c", line)), str(tar), tag)


def _build_number(version: str) -> int:
    found = re.search(r"\bbuild (\d+)", version)
    if found is None:
        raise LabError(
            f"cannot read llama-server's build number from {version.strip()!r}; "
            "adapt _build_number in lab/servers/llama_cpp to what it prints"
        )
    return int(found[1])
