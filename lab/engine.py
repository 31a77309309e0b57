"""Engine: Docker and the image tools of this machine, installed and started where missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from pyinfra.api.exceptions import PyinfraError

from lab.progress import step

PROGRAMS = {
    **{"docker": "docker.io", "mmdebstrap": "mmdebstrap", "ssh-keygen": "openssh-client"},
    "mkfs.ext4": "e2fsprogs",
}
"""Program that the lab calls, and the Debian or Ubuntu package that has it."""

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
DAEMON_LOG = Path("/var/log/dockerd.log")
START_SECONDS = 60
INOTIFY_INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")
INOTIFY_NEEDED = 4096


class LabError(PyinfraError):
    """The lab cannot go on: who, what is wrong, what to do; pyinfra shows just that."""


def run(*command: str, stdin: str | None = None, env: dict[str, str] | None = None) -> str:
    """Run a program and return its output; LabError with the end of its complaint if it fails."""
    done = subprocess.run(
        command,
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        errors="replace",
        env=None if env is None else {**os.environ, **env},
    )
    if done.returncode:
        complaint = "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-15:])
        raise LabError(f"`{' '.join(command)[:200]}` failed ({done.returncode}):\n{complaint}")
    return done.stdout


def docker(*arguments: str, stdin: str | None = None) -> str:
    """Run ``docker`` with ``arguments`` and return its output."""
    return run("docker", *arguments, stdin=stdin)


def answers() -> bool:
    """Whether a Docker engine answers on this machine."""
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "version"], capture_output=True, timeout=30).returncode == 0


def ensure() -> None:
    """Have the engine running and the image tools installed; needs root only to change that."""
    missing = [package for program, package in PROGRAMS.items() if shutil.which(program) is None]
    if not KEYRING.exists():
        missing.append(KEYRING.stem)
    running = answers()
    if not running and shutil.which("dockerd") is None and "docker.io" not in missing:
        missing.append("docker.io")
    if missing:
        _install(missing)
    if not running and not answers():
        with step("Start the Docker engine"):
            _start()
    if int(INOTIFY_INSTANCES.read_text()) < INOTIFY_NEEDED:
        _allow_many_systemds()


def _allow_many_systemds() -> None:
    """Raise a kernel limit until this machine's next start.

    inotify(7): instances are counted per user, and root in every container is the same user. With
    the usual 128 some units of the eighth or so systemd fail with "Result: resources".
    """
    _need_root(f"raise {INOTIFY_INSTANCES}")
    with step(f"Raise {INOTIFY_INSTANCES} to {INOTIFY_NEEDED}"):
        INOTIFY_INSTANCES.write_text(str(INOTIFY_NEEDED))


def _install(packages: list[str]) -> None:
    _need_root(f"install {' '.join(packages)}")
    with step(f"Install {' '.join(packages)}"):
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        run("apt-get", "update", env=quiet)
        # From Debian 13 on the client is a package of its own that docker.io only recommends.
        if "docker.io" in packages and run("apt-cache", "search", "--names-only", "^docker-cli$"):
            packages = [*packages, "docker-cli"]
        run("apt-get", "install", "-y", "--no-install-recommends", *packages, env=quiet)


def _start() -> None:
    _need_root("start the Docker engine")
    if Path("/run/systemd/system").is_dir():
        run("systemctl", "enable", "--now", "docker.service")
    else:
        with DAEMON_LOG.open("ab") as log:
            subprocess.Popen(
                ["dockerd"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
    deadline = time.monotonic() + START_SECONDS
    while not answers():
        if time.monotonic() > deadline:
            raise LabError(
                f"the Docker engine does not answer after {START_SECONDS} s; "
                f"see `journalctl -u docker` or {DAEMON_LOG}"
            )
        time.sleep(0.5)


def _need_root(purpose: str) -> None:
    if os.geteuid() != 0:
        raise LabError(f"the lab has to {purpose}: run it as root, or do that yourself first")
