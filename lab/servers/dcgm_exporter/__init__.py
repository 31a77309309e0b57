"""DCGM exporter's image, with a stand-in for the program: DCGM itself needs a card."""

from __future__ import annotations

import tempfile
from pathlib import Path

from lab import images
from lab.checkout import LAB
from lab.engine import docker, run

FOLDER = Path(__file__).parent
PROGRAM = LAB / "standins" / "dcgm_exporter.py"
RECORDS = LAB / "standins" / "dcgm"
REPOSITORY = "nvcr.io/nvidia/k8s/dcgm-exporter"
TAGS = {"current": "4.5.3-4.8.2-distroless", "upgrade": "4.5.4-4.8.3-distroless"}


def build() -> str:
    return images.cached("dcgm-exporter", images.content(FOLDER, PROGRAM, RECORDS), _build)


def offer(image: str) -> dict[str, str]:
    """`upgrade` is the same stand-in under another digest."""
    names = {variant: f"{REPOSITORY}:{tag}" for variant, tag in TAGS.items()}
    docker("tag", image, names["current"])
    images.commit(image, names["upgrade"], change="ENV LAB_VARIANT=upgrade")
    return names


def _build(tag: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        root, tar = Path(name) / "root", Path(name) / "root.tar"
        for source, target in _files():
            place = root / target
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(source.read_bytes())
            place.chmod(0o755 if place.parent.name == "bin" else 0o644)
        run(
            *("mmdebstrap", "--variant=essential", "--mode=root"),
            f"--include={','.join(images.words(FOLDER / 'packages.txt'))}",
            '--aptopt=APT::Install-Recommends "false"',
            *(f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("man", "locale", "doc")),
            f'--customize-hook=cp -a "{root}/usr/." "$1/usr"',
            f'--customize-hook=cp -a "{root}/etc/." "$1/etc"',
            *(images.SUITE, str(tar)),
        )
        change = (FOLDER / "image.txt").read_text().splitlines()
        docker("import", *(part for line in change for part in ("-c", line)), str(tar), tag)


def _files() -> list[tuple[Path, str]]:
    """Each file of the image that is no package's, and its place."""
    return [
        (PROGRAM, "usr/bin/dcgm-exporter"),
        (FOLDER / "dcgm-exporter-entrypoint.sh", "usr/bin/dcgm-exporter-entrypoint.sh"),
        (RECORDS / "default-counters.csv", "etc/dcgm-exporter/default-counters.csv"),
        *((file, f"usr/share/dcgm/{file.name}") for file in sorted(RECORDS.iterdir())),
    ]
