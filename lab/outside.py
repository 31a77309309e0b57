"""Outside world: one container that answers as registries, model hub and apt repositories."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from lab import authority, hub, images, offer, releases, repositories
from lab.checkout import LAB, LOCK_FILE
from lab.containers import Container, wait_booted
from lab.engine import docker

HOST = "outside-world"
REGISTRIES = (
    *("docker.io", "index.docker.io", "registry-1.docker.io", "docker.n8n.io"),
    *("ghcr.io", "nvcr.io", "quay.io"),
)
NAMES = (*REGISTRIES, *repositories.hosts(), *releases.hosts(), "huggingface.co")
"""The real names under which the outside world is reached in the lab."""

CONTENT = LAB / "outside_world"
MODEL_HUB = LAB / "standins" / "model_hub.py"
LOCK = "/opt/lab/lock.json"


def image() -> str:
    """The outside world's image with everything that it offers inside."""
    authority.ensure()
    base, built = images.outside_world_base(), offer.build()
    definition = images.content(LAB / "outside.py", CONTENT, MODEL_HUB)
    definition += hub.definition() + repositories.definition() + releases.definition()
    definition += offer.definition(built) + base.encode()
    return images.cached("outside-world", definition, lambda tag: _fill(tag, base, built))


def container(address: str) -> Container:
    """The outside world at ``address``, under all its real names."""
    return Container(HOST, image(), address, aliases=NAMES)


def write_lock(outside: Container) -> None:
    """Write ``.lab/lock.json``: the digests and checksums of what the outside world offers."""
    LOCK_FILE.write_text(docker("exec", outside.name, "cat", LOCK))


def _fill(tag: str, base: str, built: Mapping[str, str]) -> None:
    """Put the offer into a container of ``base`` through its own services, and keep that."""
    filling = Container(f"{HOST}-filling", base)
    docker("rm", "--force", filling.name)
    docker("run", "--detach", *filling.arguments())
    try:
        wait_booted([filling.host])
        with tempfile.TemporaryDirectory() as directory:
            _offer(filling.name, built, Path(directory))
        docker("stop", filling.name)
        docker("commit", filling.name, tag)
    finally:
        docker("rm", "--force", filling.name)


def _offer(name: str, built: Mapping[str, str], directory: Path) -> None:
    """Bring all that is offered, and its lock file, into the container ``name``."""
    lab, models = directory / "lab", directory / "models"
    shutil.copytree(CONTENT, lab)
    shutil.copy(MODEL_HUB, lab)
    models.mkdir()
    authority.issue(NAMES, lab)
    locked = hub.write(models) | {"releases": releases.write(directory / "releases")}
    references = offer.tag(built)
    tags = [tag for variants in references.values() for tag in variants.values()]
    try:
        docker("save", "--output", str(lab / "images.tar"), *tags)
    finally:
        offer.untag(references)
    (lab / "images.txt").write_text("".join(f"{tag}\n" for tag in tags))
    docker("cp", f"{models}", f"{name}:/srv")
    docker("cp", f"{directory / 'releases'}", f"{name}:/srv")
    docker("cp", f"{lab}", f"{name}:/opt")
    docker("exec", name, "/opt/lab/setup.sh")
    digests = dict(
        line.split() for line in docker("exec", name, "cat", "/opt/lab/digests.txt").splitlines()
    )
    locked |= offer.locked(references, digests) | {"keys": repositories.build(name)}
    docker("exec", "-i", name, "sh", "-c", f"cat >{LOCK}", stdin=json.dumps(locked, indent=2))
