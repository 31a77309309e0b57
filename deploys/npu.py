"""NPU: Intel's driver of the neural processing unit, OpenVINO on it, and a model server if wanted.

Listens on nothing; the model server, off by default, on 127.0.0.1 alone. Who is in the group
`render` may use the NPU; `npu-check` tells each of them whether it works.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field
from pyinfra import host
from pyinfra.api.deploy import deploy
from pyinfra.operations import files

import changes
from deploys import npu_driver, npu_server, python_environment
from deploys.npu_driver import PACKAGES, Build
from deploys.npu_preflight import obstacle
from deploys.npu_server import ModelServer
from deploys.python_environment import PythonEnvironment
from deploys.refusal import refuse
from deploys.rendering import render
from deploys.settings import Settings
from facts.npu import NpuState
from operations import archive, local_packages, packages, retirement, service
from operations.entries import Entry, File
from operations.transaction import Steps

OWN_FILES = Path(__file__).parent.parent / "files" / "npu"
REQUIREMENTS = OWN_FILES / "requirements.txt"
PROGRAM = "/opt/ai-idp/npu"
CHECK = "/usr/local/bin/npu-check"
MEMBERS = "/etc/sysusers.d/ai-idp-npu.conf"
GROUP = "render"
DEVICE = "/dev/accel/accel0"


class Npu(Settings):
    """Which driver, who may use it, and what is served. OpenVINO's version is that of the lock."""

    role: ClassVar[str] = "npu"

    users: tuple[str, ...] = Field(
        default=(), description="accounts of people who may use the NPU: they come into `render`"
    )
    driver_release: str = Field(
        pattern=r"^\d+\.\d+\.\d+\.\d{8}-\d+$",
        description="of Intel's driver, with its build, as the archive on its release page has it",
    )
    driver_sha256: dict[Build, str] = Field(
        description="of the release's archive, for each build of it that hosts take"
    )
    loader_version: str = Field(
        pattern=r"^\d+\.\d+\.\d+$",
        description="of Level Zero's loader from its project, on Ubuntu 24.04, whose own one is "
        "too old to know the driver",
    )
    loader_sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="of the loader's package")
    server: ModelServer | None = Field(
        default=None, description="OpenVINO Model Server with one model on the NPU"
    )


@deploy("NPU")
def install() -> None:
    settings = Npu.of(host)
    found = host.get_fact(NpuState, users=settings.users, group=GROUP)
    if found is None:
        # pyinfra has failed this host already; nothing is planned from what was not read.
        return
    reason = obstacle(found, with_server=settings.server is not None)
    if reason:
        refuse(reason)
        return
    if found.outside:
        changes.notice(host, later(found.outside))
    build = npu_driver.build(found)
    local_packages.installed(
        name="Install the driver",
        bundles=npu_driver.bundles(settings, build),
        needs=[*build.needs, *python_environment.PACKAGES, *npu_server.needs(settings.server)],
        units=[npu_server.UNIT] if settings.server else [],
    )
    if settings.server:
        archive.present(
            name="Have the model server",
            archives=[settings.server.archive()],
            units=[npu_server.UNIT],
        )
    environment = environment_of(REQUIREMENTS.read_bytes())
    service.deployed(
        name="Deploy OpenVINO and its check",
        service="npu",
        entries=entries(settings, environment),
        units=[npu_server.UNIT] if settings.server else [],
        steps=steps(settings, environment),
    )
    if settings.server:
        archive.others_removed(
            name="Remove other releases of the model server",
            names=[npu_server.ARCHIVE],
            keep=[settings.server.archive()],
        )


@deploy("Remove NPU")
def remove() -> None:
    """Take driver, OpenVINO and server off; people stay in `render`, and models where they are."""
    retirement.service_removed(name="Remove the check", service="npu", units=[npu_server.UNIT])
    packages.removed(name="Remove the driver", packages=PACKAGES)
    archive.others_removed(name="Remove the model server", names=[npu_server.ARCHIVE])
    files.directory(name="Remove OpenVINO", path=PROGRAM, present=False)


def later(users: tuple[str, ...]) -> str:
    """What a person who comes into the group has to know: a session keeps the groups it has."""
    who = ", ".join(users)
    return (
        f"{who} may use the NPU from the next login on; in a session of before: "
        f"sg {GROUP} -c npu-check"
    )


def environment_of(requirements: bytes) -> PythonEnvironment:
    return PythonEnvironment(PROGRAM, "openvino", requirements)


def entries(settings: Npu, environment: PythonEnvironment) -> list[Entry]:
    """The lock, the check, who is in the group, and the server's unit where it is wanted."""
    members = render("npu/sysusers.conf.j2", users=settings.users, group=GROUP)
    check = (OWN_FILES / "npu_check.py").read_text()
    return [
        *environment.entries(),
        File(CHECK, f"#!{environment.link}/bin/python\n{check}".encode(), mode="0755"),
        File(MEMBERS, members),
        *npu_server.entries(settings.server),
    ]


def steps(settings: Npu, environment: PythonEnvironment) -> Steps:
    """What has to hold beside the files: the environment, the members, and an NPU that is found."""
    values: dict[str, object] = {
        "users": settings.users,
        "group": GROUP,
        "members": MEMBERS,
        "check": CHECK,
        "device": DEVICE,
        "server": settings.server,
        "unit": npu_server.UNIT,
        "live": environment.live,
    }
    return Steps(
        prepare=environment.preparation(),
        validate=render("npu/steps/validate.sh.j2", **values).decode(),
        activate=render("npu/steps/activate.sh.j2", **values).decode(),
        probe=render("npu/steps/probe.sh.j2", **values).decode(),
        live=render("npu/steps/live.sh.j2", **values).decode(),
        probe_seconds=npu_server.START_SECONDS if settings.server else 30,
    )
