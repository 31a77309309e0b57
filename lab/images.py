"""Images: the lab's root file systems, built from Debian packages and kept by content hash."""

from __future__ import annotations

import fcntl
import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lab import authority
from lab.checkout import CACHE, LAB
from lab.engine import docker, run
from lab.progress import step

PREFIX = "ai-idp-lab/"
SUITE = "trixie"
MACHINE_ROOTS = Path("/etc/ssl/certs/ca-certificates.crt")
MOZILLA_ROOTS = Path("/usr/share/ca-certificates/mozilla")
BOOT = ("-c", 'CMD ["/usr/local/sbin/lab-init"]')


def cached(name: str, definition: bytes, build: Callable[[str], None]) -> str:
    """The image ``name`` made from ``definition``; ``build`` gets its tag where there is none.

    A build leaves the tag behind only when it succeeded. Images of older definitions are removed
    unless a container still uses them.
    """
    tag = f"{PREFIX}{name}:{hashlib.sha256(definition).hexdigest()[:12]}"
    with _one_at_a_time(name):
        if not docker("images", "-q", tag).strip():
            with step(f"Build the image {tag}"):
                build(tag)
            _remove(name, keep=tag)
    return tag


def remove_all() -> list[str]:
    """Remove every cached image of the lab; returns those that a container still uses."""
    return [tag for tag in _tags(PREFIX + "*") if not _removed(tag)]


def content(*paths: Path) -> bytes:
    """The bytes of files and of the files below folders, with their names: a definition's hash."""
    files = [file for path in paths for file in (sorted(path.rglob("*")) or [path])]
    return b"".join(
        file.name.encode() + b"\0" + file.read_bytes()
        for file in files
        if file.is_file() and "__pycache__" not in file.parts
    )


def host() -> str:
    """The image of a fresh Debian machine, with the packages of the roles downloaded."""
    folder = LAB / "host"
    played = (LAB / "standins" / "nvidia", LAB / "standins" / "npu" / "machine")
    packages, archives = words(folder / "packages.txt"), words(folder / "archives.txt")
    definition = content(folder, *played, authority.CERTIFICATE, MACHINE_ROOTS)
    definition += SUITE.encode()
    return cached("host", definition, lambda tag: _machine(tag, packages, archives))


def desk() -> str:
    """The image of a machine that somebody sits at: the host's, with a browser."""
    base, script = host(), LAB / "desk" / "browser.sh"
    definition = base.encode() + script.read_bytes()
    return cached("desk", definition, lambda tag: _with_browser(base, script, tag))


def _with_browser(base: str, script: Path, tag: str) -> None:
    started = docker("create", "--interactive", base, "sh", "-eu").strip()
    try:
        docker("start", "--attach", "--interactive", started, stdin=script.read_text())
        docker("commit", "--change", BOOT[1], started, tag)
    finally:
        docker("rm", "--force", started)


def outside_world_base() -> str:
    """The image of the outside world's machine, before it holds any container image or model."""
    packages = LAB / "outside_world" / "packages.txt"
    boot = (LAB / "host" / "lab-init", LAB / "host" / "customize.sh")
    definition = content(*boot, packages, authority.CERTIFICATE, MACHINE_ROOTS) + SUITE.encode()
    return cached("outside-world-base", definition, lambda tag: _machine(tag, words(packages), ()))


def _machine(tag: str, packages: tuple[str, ...], archives: tuple[str, ...]) -> None:
    with tempfile.TemporaryDirectory() as name:
        certificates, tar = Path(name) / "certificates", Path(name) / "root.tar"
        hooks = ("customize.sh", "short_lists.sh") if archives else ("customize.sh",)
        certificates.mkdir()
        _trusted_roots(certificates)
        run(
            *("mmdebstrap", "--variant=minbase", "--mode=root", "--skip=cleanup/apt"),
            f"--include={','.join(packages)}",
            *(f"--customize-hook={LAB / 'host' / name}" for name in hooks),
            *(SUITE, str(tar)),
            env={"LAB_CERTIFICATES": str(certificates), "LAB_ARCHIVES": " ".join(archives)},
        )
        docker("import", *BOOT, str(tar), tag)


def commit(image: str, tag: str, change: str, replace: tuple[Path, str] | None = None) -> None:
    """Tag a variant of ``image``: with one more line of a Dockerfile, or another file inside."""
    container = docker("create", image).strip()
    try:
        if replace:
            source, target = replace
            docker("cp", str(source), f"{container}:{target}")
        docker("commit", "--change", change, container, tag)
    finally:
        docker("rm", "--force", container)


def words(file: Path) -> tuple[str, ...]:
    """The words of a text file, such as the names in packages.txt."""
    return tuple(file.read_text().split())


def _trusted_roots(directory: Path) -> None:
    """Write the lab's CA and the roots that this machine trusts beyond Debian's into a folder.

    Where a machine reaches the package index through a root of its own, its containers do too.
    """
    (directory / "lab.crt").write_bytes(authority.CERTIFICATE.read_bytes())
    usual = {file.read_text().strip() for file in MOZILLA_ROOTS.glob("*.crt")}
    end = "-----END CERTIFICATE-----"
    bundle = MACHINE_ROOTS.read_text() if MACHINE_ROOTS.exists() else ""
    for number, block in enumerate(bundle.split(end)[:-1]):
        certificate = block[block.index("-----BEGIN") :] + end
        if certificate not in usual:
            (directory / f"machine-{number}.crt").write_text(certificate + "\n")


def _tags(pattern: str) -> list[str]:
    listed = docker("images", "--format", "{{.Repository}}:{{.Tag}}", pattern)
    return listed.split()


def _remove(name: str, keep: str) -> None:
    for tag in _tags(PREFIX + name):
        if tag != keep:
            _removed(tag)


def _removed(tag: str) -> bool:
    if docker("ps", "-aq", "--filter", f"ancestor={tag}").strip():
        return False
    docker("rmi", tag)
    return True


@contextmanager
def _one_at_a_time(name: str) -> Iterator[None]:
    """Two checkouts that need the same image build it once; other images do not wait for it."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"build-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
