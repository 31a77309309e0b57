"""Triton as NVIDIA's image offers it, from the server that a Python wheel brings along.

The wheel holds tritonserver 2.51 with the Python backend alone, for a processor or a card. On a
newer Debian than bookworm it says that it is ready, and every inference fails.
"""

from __future__ import annotations

import sys
import tempfile
import zipfile
from pathlib import Path

from lab import images
from lab.engine import docker, run

FOLDER = Path(__file__).parent
REPOSITORY = "nvcr.io/nvidia/tritonserver"
TAGS = {"current": "25.10-py3", "upgrade": "25.11-py3", "unhealthy": "25.12-py3"}
PYTHON = "3.11"
PLACES = {
    "nvidia_pytriton.libs/": "lib/",
    f"pytriton/tritonserver/python_backend_stubs/{PYTHON}/": "backends/python/",
    "pytriton/tritonserver/python_backend_stubs/": None,
    "pytriton/tritonserver/": "",
}
"""Where parts of the wheel lie below /opt/tritonserver; the first that fits. None: left out."""


def build() -> str:
    return images.cached("triton", images.content(FOLDER), _build)


def offer(image: str) -> dict[str, str]:
    """`current` and `upgrade` are the same server under two digests. `unhealthy` never answers."""
    names = {variant: f"{REPOSITORY}:{tag}" for variant, tag in TAGS.items()}
    docker("tag", image, names["current"])
    images.commit(image, names["upgrade"], change="ENV LAB_VARIANT=upgrade")
    images.commit(
        image,
        names["unhealthy"],
        change="ENV LAB_VARIANT=unhealthy",
        replace=(FOLDER / "never-ready.sh", "/opt/tritonserver/bin/tritonserver"),
    )
    return names


def _build(tag: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        root, tar = Path(name) / "root", Path(name) / "root.tar"
        _download(Path(name))
        (wheel,) = Path(name).glob("*.whl")
        _unpack(wheel, root / "opt" / "tritonserver")
        entrypoint = root / "opt" / "nvidia" / "nvidia_entrypoint.sh"
        entrypoint.parent.mkdir()
        entrypoint.write_bytes((FOLDER / "nvidia_entrypoint.sh").read_bytes())
        entrypoint.chmod(0o755)
        run(
            *("mmdebstrap", "--variant=essential", "--mode=root"),
            f"--include={','.join(images.words(FOLDER / 'packages.txt'))}",
            '--aptopt=APT::Install-Recommends "false"',
            *(f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("man", "locale", "doc")),
            f'--customize-hook=cp -a "{root}/." "$1"',
            *("bookworm", str(tar)),
        )
        change = (FOLDER / "image.txt").read_text().splitlines()
        docker("import", *(part for line in change for part in ("-c", line)), str(tar), tag)


def _download(folder: Path) -> None:
    run(
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"),
        *("--only-binary", ":all:", "--platform", "manylinux_2_35_x86_64"),
        *("--python-version", PYTHON, "--dest", str(folder)),
        *("--requirement", str(FOLDER / "requirements.txt")),
    )


def _unpack(wheel: Path, target: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            place = _place(name)
            if place is not None and not name.endswith("/"):
                file = target / place
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(archive.read(name))
                file.chmod(0o755)


def _place(name: str) -> str | None:
    """Where a file of the wheel belongs below the server's folder; None for what is left out."""
    for start, place in PLACES.items():
        if name.startswith(start):
            return None if place is None else place + name.removeprefix(start)
    return None
