"""Compose stacks: files and containers of one project, landed, probed and restored as one."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pyinfra import host
from pyinfra.api.command import PyinfraCommand, StringCommand
from pyinfra.api.operation import operation

import changes
from changes import Change
from facts.compose import SETTINGS, ComposeState, Container, Containers
from facts.service import State
from operations.differences import differs, entry_changes
from operations.entries import Entry, File
from operations.service import UNREADABLE, land, read_state
from operations.transaction import STATE, Steps, Transaction

STACKS = "/opt/ai-idp/stacks"
SCRIPT = Path(__file__).with_name("compose.sh")


def directory(project: str) -> str:
    """Where the files of a project lie on its host; its definition is `compose.yaml` there."""
    return f"{STACKS}/{project}"


def command(arguments: Iterable[str]) -> str:
    """`arguments` as the value of `command:` or `entrypoint:` in compose.yaml.

    Compose replaces `$NAME` in every value, so that a `$` is written as `$$` there.
    """
    return json.dumps(list(arguments)).replace("$", "$$")


@operation()
def stack(
    project: str,
    entries: Sequence[Entry],
    images: Mapping[str, str],
    steps: Steps | None = None,
    wait_seconds: int = 120,
) -> Generator[PyinfraCommand]:
    """
    Have the services of a Compose project running and healthy, made from exactly these files.

    + project: name of the project; its files lie in `compose.directory(project)`
    + entries: the whole set, `compose.yaml` among it; there each service carries the label
      `ai-idp.hash: ${AI_IDP_HASH}`, so a container is made anew when any file of the set changes
    + images: image reference (`name:tag@sha256:...`) by service
    + steps: what the role adds: `validate` on the staged set, and `probe`
    + wait_seconds: time for every service to become healthy

    **Example:**

        compose.stack(
            name="Run the server", project="llama_cpp", images={"server": settings.image},
            entries=[File(f"{compose.directory('llama_cpp')}/compose.yaml", text)],
        )
    """
    fingerprint = _fingerprint(entries, images)
    environment = File(f"{directory(project)}/.env", f"AI_IDP_HASH={fingerprint}\n".encode())
    entries = [*entries, environment]
    found = read_state(project, entries, [], "")
    containers = host.get_fact(ComposeState, project=project)
    if found is None or containers is None:
        yield StringCommand(UNREADABLE)
        return
    if containers.engine_stopped:
        others = _when_engine_starts(project, images, environment, found)
    else:
        others = container_changes(project, images, fingerprint, containers)
    broken = _replaced(images, containers)
    steps = _steps(steps or Steps(), project, images.values(), broken, wait_seconds)
    yield from land(project, entries, [], steps, found, others)


@operation()
def removed(project: str) -> Generator[PyinfraCommand]:
    """
    Have no container and no file of a project; its volumes are kept.

    + project: name of the project
    """
    found = read_state(project, [], [], "")
    containers = host.get_fact(ComposeState, project=project)
    if found is None or containers is None:
        yield StringCommand(UNREADABLE)
        return
    present = found.removable(found.manifest)
    others = container_changes(project, {}, "", containers)
    if not others and not found.manifest:
        return
    changes.announce(host, [*others, *entry_changes((), present, found, {})])
    # Before the files go, and without them: Compose finds a project by the labels of its parts.
    steps = Steps(prepare=_step("deactivate", project))
    yield from Transaction(project, (), (), present, units=(), steps=steps).commands()
    yield StringCommand("rm", "-rf", f"{STATE}/{project}")


def container_changes(
    project: str, images: Mapping[str, str], fingerprint: str, containers: Containers
) -> list[Change]:
    """What has to happen to the containers that were found, so that each service has its one."""
    planned = []
    for service, image in images.items():
        first, *_ = [*_of(service, containers), None]
        reason = _reason(first, image, fingerprint, containers.recorded)
        if reason:
            action, diff = reason
            detail = {"image": image}
            planned.append(Change("container", action, f"{project}/{service}", detail, diff))
    for container in _surplus(images, containers):
        detail = {"image": container.image}
        planned.append(Change("container", "remove", f"{project}/{container.service}", detail))
    return planned


def _reason(
    container: Container | None, image: str, fingerprint: str, recorded: Mapping[str, str]
) -> tuple[str, str] | None:
    """The action that a container needs, and what differs; None for one that is as it shall be."""
    if container is None:
        return "create", ""
    if container.image != image:
        return "recreate", f"- image {container.image}\n+ image {image}\n"
    if container.hash != fingerprint:
        return "recreate", f"- definition {container.hash or 'unknown'}\n+ {fingerprint}\n"
    expected = recorded.get(container.service, container.settings)
    if container.settings != expected:
        return "recreate", _settings_diff(container.settings, expected)
    if container.state in ("exited", "created"):
        return "start", f"- {container.state}\n+ running\n"
    if container.state != "running" or container.health == "unhealthy":
        return "restart", f"- {container.state} {container.health}\n+ running\n"
    return None


def _settings_diff(found: str, expected: str) -> str:
    pairs = zip(found.split(), expected.split(), strict=False)
    return "".join(f"- {old}\n+ {new}\n" for old, new in pairs if old != new)


def _replaced(images: Mapping[str, str], containers: Containers) -> list[str]:
    """Containers that Compose itself would take for good."""
    return [
        container.identifier
        for container in containers.found
        if container.service in images
        if container.state not in ("running", "exited", "created")
        or container.health == "unhealthy"
        or container.settings != containers.recorded.get(container.service, container.settings)
    ]


def _surplus(images: Mapping[str, str], containers: Containers) -> list[Container]:
    extra = [x for x in containers.found if x.service not in images]
    return extra + [x for service in images for x in _of(service, containers)[1:]]


def _of(service: str, containers: Containers) -> list[Container]:
    return [container for container in containers.found if container.service == service]


def _when_engine_starts(
    project: str, images: Mapping[str, str], environment: File, found: State
) -> list[Change]:
    """Containers come back with the engine as they were; a new definition makes them anew."""
    if not differs(environment, found.found.get(environment.path)):
        return []
    action = "recreate" if found.manifest else "create"
    return [
        Change("container", action, f"{project}/{service}", {"image": image})
        for service, image in images.items()
    ]


def _fingerprint(entries: Sequence[Entry], images: Mapping[str, str]) -> str:
    """A hash of everything that a container of the project is made from."""
    lines = [f"{service} {image}" for service, image in images.items()]
    for entry in entries:
        content = entry.sha256 if isinstance(entry, File) else ""
        lines.append(f"{entry.path} {content}")
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def _steps(
    steps: Steps, project: str, images: Iterable[str], broken: Sequence[str], wait_seconds: int
) -> Steps:
    return replace(
        steps,
        prepare=_step("prepare", project, images=" ".join(images)) + steps.prepare,
        validate=_step("validate", project) + steps.validate,
        activate=_step(
            "activate", project, replaced=" ".join(broken), wait_seconds=str(wait_seconds)
        ),
        deactivate=_step("deactivate", project),
        probe=f"(\n{steps.probe}\n)\n" * bool(steps.probe) + _step("settle", project),
    )


def _step(action: str, project: str, **variables: str) -> str:
    names = {"action": action, "project": project, "settings": SETTINGS, **variables}
    header = "".join(f"{name}={shlex.quote(value)}\n" for name, value in names.items())
    return header + SCRIPT.read_text()
