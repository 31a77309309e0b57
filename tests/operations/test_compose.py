"""`compose.stack`: what a plan says of containers, and which commands that leads to."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from changes import Change
from facts.compose import Container, Containers
from operations import compose
from operations.compose import container_changes
from operations.entries import Entry, File
from operations.transaction import Steps
from tests.fake_host import Run, run

IMAGE = f"ghcr.io/x/y:1@sha256:{'d' * 64}"
DEFINITION = File("/opt/ai-idp/stacks/demo/compose.yaml", b"name: demo\n")
GOOD = Container("web", "c1", IMAGE, "running", "healthy", "h1", "Memory=1 PidsLimit=2")
RECORDED = {"web": GOOD.settings}

DRIFT = {
    "image": (replace(GOOD, image="ghcr.io/x/y:1"), "recreate", f"+ image {IMAGE}\n"),
    "definition": (replace(GOOD, hash="h0"), "recreate", "- definition h0\n+ h1\n"),
    "no label": (replace(GOOD, hash=""), "recreate", "- definition unknown\n+ h1\n"),
    "setting": (
        replace(GOOD, settings="Memory=9 PidsLimit=2"),
        "recreate",
        "- Memory=9\n+ Memory=1\n",
    ),
    "exited": (replace(GOOD, state="exited", health=""), "start", "- exited\n+ running\n"),
    "never started": (replace(GOOD, state="created"), "start", "- created\n+ running\n"),
    "paused": (replace(GOOD, state="paused"), "restart", "- paused healthy\n+ running\n"),
    "restarting": (replace(GOOD, state="restarting"), "restart", "- restarting healthy\n"),
    "unhealthy": (replace(GOOD, health="unhealthy"), "restart", "- running unhealthy\n"),
}


def plan(*containers: Container) -> list[Change]:
    return container_changes("demo", {"web": IMAGE}, "h1", Containers(containers, RECORDED))


@pytest.mark.parametrize(
    "container", [GOOD, replace(GOOD, health="starting"), replace(GOOD, health="")]
)
def test_a_container_that_runs_as_declared_is_left_alone(container: Container) -> None:
    assert plan(container) == []


def test_a_service_without_a_container_gets_one() -> None:
    assert plan() == [Change("container", "create", "demo/web", {"image": IMAGE})]


@pytest.mark.parametrize("drift", DRIFT)
def test_every_kind_of_drift_is_named(drift: str) -> None:
    container, action, diff = DRIFT[drift]
    (change,) = plan(container)
    assert (change.action, change.what, change.detail) == (action, "demo/web", {"image": IMAGE})
    assert diff in change.diff


@pytest.mark.parametrize("service", ["web", "other"])
def test_a_container_too_many_is_removed(service: str) -> None:
    extra = replace(GOOD, service=service, identifier="c2", image="other:1")
    expected = Change("container", "remove", f"demo/{service}", {"image": "other:1"})
    assert plan(GOOD, extra) == [expected]


def line(container: Container) -> str:
    return "\t".join(["container", *vars(container).values()])


def stack(containers: Any, files: Any, entries: tuple[Entry, ...] = (DEFINITION,)) -> Run:
    return run(
        lambda: compose.stack(project="demo", entries=entries, images={"web": IMAGE}),
        {"project=demo": containers, "service=demo": files},
    )


def environment() -> File:
    """What the operation adds to the set: the hash that its containers carry."""
    text = f"AI_IDP_HASH={compose._fingerprint((DEFINITION,), {'web': IMAGE})}\n"
    return File("/opt/ai-idp/stacks/demo/.env", text.encode())


def landed() -> list[str]:
    rows = ["end"]
    for file in (DEFINITION, environment()):
        rows.insert(0, f"manifest\t{file.path}")
        rows.insert(1, f"entry\tregular file\t644\troot\troot\t{file.path}\t0\t0")
        rows.insert(2, f"sum\t{file.sha256}  {file.path}")
    return rows


def running() -> list[str]:
    digest = environment().content.decode().strip().partition("=")[2]
    return [line(replace(GOOD, hash=digest)), f"recorded\tweb\t{GOOD.settings}", "end"]


def test_a_converged_stack_costs_two_commands() -> None:
    outcome = stack(running(), landed())
    assert outcome.succeeded
    assert len(outcome.commands) == 2


@pytest.mark.parametrize(
    ("containers", "files"), [(["end"], ["end"]), (["end"], landed()), (running(), ["end"])]
)
def test_missing_files_or_containers_are_landed_in_one_transaction(
    containers: list[str], files: list[str]
) -> None:
    outcome = stack(containers, files)
    start = "/var/lib/ai-idp/services/demo/transaction"
    assert outcome.commands[-1] == f"sh {start}/transaction.sh start {start}"


def test_a_stopped_engine_is_not_mistaken_for_missing_containers() -> None:
    assert len(stack(["stopped", "end"], landed()).commands) == 2


UNREADABLE = {"success": False, "stderr": "unreadable: the containers of demo"}


@pytest.mark.parametrize(("containers", "files"), [(UNREADABLE, landed()), (running(), UNREADABLE)])
def test_what_cannot_be_read_changes_nothing_and_fails_the_host(
    containers: Any, files: Any
) -> None:
    outcome = stack(containers, files)
    assert not outcome.succeeded
    assert not any("transaction.sh start" in command for command in outcome.commands)


def test_the_hash_follows_every_file_and_image() -> None:
    key = File("/opt/ai-idp/stacks/demo/key", b"1\n", secret=True)
    hashes = {
        compose._fingerprint((DEFINITION,), {"web": IMAGE}),
        compose._fingerprint((DEFINITION, key), {"web": IMAGE}),
        compose._fingerprint((DEFINITION, replace(key, content=b"2\n")), {"web": IMAGE}),
        compose._fingerprint((DEFINITION,), {"web": IMAGE.replace(":1@", ":2@")}),
    }
    assert len(hashes) == 4


def test_the_order_of_files_does_not_matter_to_the_hash() -> None:
    key = File("/opt/ai-idp/stacks/demo/key", b"1\n")
    one = compose._fingerprint((DEFINITION, key), {"web": IMAGE})
    assert one == compose._fingerprint((key, DEFINITION), {"web": IMAGE})


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--port", "8080"], '["--port", "8080"]'),
        (["--template", "$HOME ${A}"], '["--template", "$$HOME $${A}"]'),
        (['a "b"', "ä"], '["a \\"b\\"", "\\u00e4"]'),
    ],
)
def test_no_argument_of_a_command_is_taken_for_a_variable(arguments: list[str], text: str) -> None:
    assert compose.command(arguments) == text


def steps_of(images: list[str], role: Steps) -> Steps:
    return compose._steps(role, "demo", images, [], 120)


def test_images_are_removed_only_behind_the_probe_of_the_role() -> None:
    steps = steps_of([IMAGE], Steps(probe="curl the-service"))
    before, _, after = steps.probe.partition("curl the-service")
    assert before == "(\n"
    assert "action=settle" in after
    assert "action=settle" not in steps.activate


class FakeDocker:
    """The step before anything stops, with a registry that has `digest` under every tag."""

    def __init__(self, directory: Path) -> None:
        self.record = directory / "record"
        self.directory = directory
        self.has("sha256:one")

    def has(self, digest: str) -> None:
        program = self.directory / "docker"
        program.write_text(
            "#!/bin/sh\n"
            f'echo "$@" >>{self.directory}/asked\n'
            'case "$1 $2" in\n'
            f'"image inspect") [ "$3" != --format ] || echo ghcr.io/x/y@{digest} ;;\n'
            "esac\n"
        )
        program.chmod(0o755)

    def prepare(self, image: str) -> subprocess.CompletedProcess[str]:
        script = steps_of([image], Steps()).prepare
        script = script.replace("/var/lib/ai-idp/stacks/$project", str(self.record))
        path = f"{self.directory}:{os.environ['PATH']}"
        return subprocess.run(
            ["sh", "-eu", "-c", script],
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
        )


@pytest.fixture
def registry(tmp_path: Path) -> FakeDocker:
    return FakeDocker(tmp_path)


TAG = "ghcr.io/x/y:1"


def test_the_first_digest_of_a_tag_is_recorded_once(registry: FakeDocker) -> None:
    for _ in range(2):
        assert registry.prepare(TAG).returncode == 0
    assert (registry.record / "digests").read_text() == f"{TAG} sha256:one\n"


def test_another_digest_of_the_tag_is_refused_and_not_kept(registry: FakeDocker) -> None:
    registry.prepare(TAG)
    registry.has("sha256:two")
    done = registry.prepare(TAG)
    assert done.returncode == 1
    assert done.stdout == (
        f"{TAG} now is sha256:two; the first that this host took was sha256:one\n"
        "find out who gave the tag to other bytes, then write the digest that you trust into the "
        f"image: {TAG}@sha256:...\n"
    )
    assert f"image rm {TAG}" in (registry.directory / "asked").read_text()
    assert (registry.record / "digests").read_text() == f"{TAG} sha256:one\n"


def test_an_image_with_a_digest_needs_no_record(registry: FakeDocker) -> None:
    assert registry.prepare(IMAGE).returncode == 0
    assert not registry.record.exists()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            "manifest unknown",
            "cannot be had; see that this host reaches its registry, and that the image exists",
        ),
        (
            "write /srv/docker/x: no space left on device",
            "has no room where Docker keeps its data; free some there",
        ),
    ],
)
def test_an_image_that_cannot_be_pulled_is_named_with_the_way_out(
    registry: FakeDocker, said: str, reason: str
) -> None:
    program = registry.directory / "docker"
    program.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 1\n")
    done = registry.prepare(TAG)
    assert done.returncode == 1
    assert done.stdout == f"{said}\n{TAG} {reason}\n"


def settle(directory: Path, docker: str, restoring: str = "") -> str:
    """What docker was asked when a stack settled that had x:2 and x:1, and had pulled x:3."""
    program = directory / "docker"
    program.write_text(f'#!/bin/sh\necho "$@" >>{directory}/asked\n{docker}\n')
    program.chmod(0o755)
    (directory / "asked").touch()
    (directory / "images").write_text("x:2\nx:1\n")
    (directory / "pulled").write_text("x:3\n")
    step = compose._step("settle", "demo")
    script = step.replace("/var/lib/ai-idp/stacks/$project", str(directory))
    environment = {"PATH": f"{directory}:{os.environ['PATH']}", "RESTORING": restoring}
    subprocess.run(["sh", "-eu", "-c", script], env=environment, check=True, capture_output=True)
    return (directory / "asked").read_text()


def test_an_unreadable_definition_removes_no_image(tmp_path: Path) -> None:
    assert "image rm" not in settle(tmp_path, docker='[ "$1" != compose ]')
    assert (tmp_path / "images").read_text() == "x:2\nx:1\n"


def test_what_a_failed_roll_out_pulled_goes_with_the_next_good_one(tmp_path: Path) -> None:
    asked = settle(tmp_path, docker='[ "$1" != compose ] || echo x:2')
    assert [line for line in asked.splitlines() if "rm" in line] == ["image rm x:3"]
    assert (tmp_path / "images").read_text() == "x:2\nx:1\n"
    assert not (tmp_path / "pulled").exists()


def test_a_stack_that_was_put_back_removes_nothing(tmp_path: Path) -> None:
    assert settle(tmp_path, docker='[ "$1" != compose ] || echo x:2', restoring="1") == ""
    assert (tmp_path / "pulled").read_text() == "x:3\n"


LISTED = """\
same h1 Up 3 seconds (health: starting)
other h0 Up 3 seconds (health: starting)
sick h1 Up 2 minutes (unhealthy)
unlabelled  Up 3 seconds (health: starting)
"""


def made_anew(directory: Path, put: str, environment: str | None = "AI_IDP_HASH=h1\n") -> set[str]:
    """Which of `LISTED` a roll-out that puts these paths removes before it starts the stack."""
    program = directory / "docker"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{LISTED}END\n")
    program.chmod(0o755)
    (directory / "put").write_text(put.replace("STACK", str(directory)))
    if environment is not None:
        (directory / ".env").write_text(environment)
    step = compose._step("stale", "demo").replace("/opt/ai-idp/stacks/$project", str(directory))
    path = {"PATH": f"{directory}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-eu", "-c", step], env=path, cwd=directory, check=True, capture_output=True
    )
    return set(done.stdout.decode().split())


def test_a_container_of_this_definition_may_go_on_starting(tmp_path: Path) -> None:
    put = "STACK\nSTACK/compose.yaml\nSTACK/.env\n"
    assert made_anew(tmp_path, put) == {"other", "sick", "unlabelled"}
    assert made_anew(tmp_path, "") == {"other", "sick", "unlabelled"}


def test_one_that_may_have_read_what_is_put_back_now_may_not(tmp_path: Path) -> None:
    every = {"same", "other", "sick", "unlabelled"}
    assert made_anew(tmp_path, "STACK/compose.yaml\nSTACK/api-key\n") == every


def test_without_a_definition_none_is_taken_for_its_container(tmp_path: Path) -> None:
    every = {"same", "other", "sick", "unlabelled"}
    assert made_anew(tmp_path, "STACK/.env\n", environment=None) == every


@pytest.mark.parametrize(("starting", "status"), [("abc", 1), ("", 0)])
def test_what_still_starts_when_the_wait_is_over_is_no_success(
    tmp_path: Path, starting: str, status: int
) -> None:
    (tmp_path / "put").touch()
    program = tmp_path / "docker"
    program.write_text(
        "#!/bin/sh\n"
        'case "$*" in\n'
        f'"ps --quiet "*"health=starting"*) echo {starting} | grep . ;;\n'
        '*" logs "*) echo the log of it ;;\n'
        "esac\n"
    )
    program.chmod(0o755)
    step = compose._step("activate", "demo", replaced="", wait_seconds="1")
    step = step.replace("/var/lib/ai-idp/stacks/$project", str(tmp_path / "record"))
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-eu", "-c", step], env=path, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == status, done.stderr
    assert ("the log of it" in done.stdout) == (status == 1)
