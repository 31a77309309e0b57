"""Workstation: what the programs of its person are told, and how a login brings it to them."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from deploys import workstation_session
from deploys.topology import Topology
from deploys.workstation import entries, steps
from deploys.workstation_desk import Desk
from operations.entries import File
from tests.unit.sample_desk import *  # noqa: F403  (its fixture)
from tests.unit.sample_desk import contents, secret

OURS = workstation_session._profile("ada")
CHANGED = (
    "pam-auth-update left {}/common-session as it is, since it was changed by hand; run "
    "'pam-auth-update --force' on this host, which makes it anew, then this again\n"
)


def test_the_programs_are_told_where_the_services_are(desk: Desk) -> None:
    found = workstation_session.variables(desk)
    assert found["OPENAI_BASE_URL"] == "https://gateway.example.home.arpa/vllm/v1"
    assert found["OPENAI_API_KEY"] == secret(desk, "vllm/api-key")
    assert found["MLFLOW_TRACKING_URI"] == "https://gateway.example.home.arpa/mlflow"
    assert found["MLFLOW_TRACKING_USERNAME"] == "admin"
    assert found["MLFLOW_TRACKING_PASSWORD"] == secret(desk, "mlflow/admin-password")
    roots = "/etc/ssl/certs/ca-certificates.crt"
    assert found["REQUESTS_CA_BUNDLE"] == found["SSL_CERT_FILE"] == roots


def test_another_model_server_has_its_own_path_and_key(desk: Desk) -> None:
    found = workstation_session.variables(replace(desk, model_server="llama_cpp"))
    assert found["OPENAI_BASE_URL"] == "https://gateway.example.home.arpa/llama/v1"
    assert found["OPENAI_API_KEY"] == secret(desk, "llama_cpp/api-key")


@pytest.mark.parametrize(("without", "prefix"), [("mlflow", "MLFLOW"), ("nginx", "OPENAI")])
def test_what_is_not_in_the_inventory_is_not_told(desk: Desk, without: str, prefix: str) -> None:
    left = [
        replace(machine, groups=tuple(group for group in machine.groups if group != without))
        for machine in desk.topology.machines
    ]
    found = workstation_session.variables(replace(desk, topology=Topology(tuple(left), ())))
    told = {name for name in found if name.startswith(prefix)}
    assert told <= {"MLFLOW_DISABLE_TELEMETRY"}


def test_no_client_tells_its_maker_of_its_use(desk: Desk) -> None:
    found = workstation_session.variables(desk)
    assert (found["HF_HUB_DISABLE_TELEMETRY"], found["MLFLOW_DISABLE_TELEMETRY"]) == ("1", "true")


def test_the_keys_are_in_one_file_that_the_person_alone_reads(desk: Desk) -> None:
    holding = [
        entry
        for entry in entries(desk)
        if isinstance(entry, File) and secret(desk, "vllm/api-key").encode() in entry.content
    ]
    (found,) = holding
    assert (found.path, found.mode, found.owner, found.group, found.secret) == (
        "/etc/ai-idp/workstation/environment",
        "0600",
        "ada",
        "people",
        True,
    )


def test_no_step_holds_a_key(desk: Desk) -> None:
    text = repr(steps(desk))
    for name in ("vllm/api-key", "mlflow/admin-password"):
        assert secret(desk, name) not in text


def test_a_rotated_secret_changes_that_file(desk: Desk) -> None:
    path = workstation_session.ENVIRONMENT
    before = contents(desk)[path]
    desk.store.rotate("vllm/api-key")
    after = contents(desk)[path]
    assert before != after
    assert secret(desk, "vllm/api-key") in after


@pytest.mark.parametrize("value", ["a#b", '"a"', "it's", "a b", "a\\"])
def test_a_secret_that_pam_would_read_otherwise_is_refused(desk: Desk, value: str) -> None:
    assert workstation_session.obstacle(desk) == ""
    desk.store.rotate("mlflow/admin-password", value)
    assert workstation_session.obstacle(desk) == (
        "the secret mlflow/admin-password has a space, quote, backslash or `#` in it, which PAM "
        "would not read as it is; give it another value: make secret NAME=mlflow/admin-password "
        "ROTATE=1"
    )


def test_pam_reads_it_for_the_person_and_nobody_else(desk: Desk) -> None:
    assert contents(desk)[workstation_session.PROFILE].splitlines()[-2:] == [
        "\t[success=ignore default=1]\tpam_succeed_if.so quiet user = ada",
        "\toptional\tpam_env.so envfile=/etc/ai-idp/workstation/environment",
    ]


def step(text: str, folder: Path, stack: str, **environment: str) -> tuple[int, str]:
    """Status and complaint of a step where pam-auth-update leaves both stacks as they are."""
    for name in workstation_session.STACKS:
        (folder / name).write_text(stack)
    (folder / "profile").touch()
    (folder / "pam-auth-update").write_text("#!/bin/sh\n")
    (folder / "pam-auth-update").chmod(0o755)
    text = text.replace("/etc/pam.d", str(folder))
    text = text.replace(workstation_session.PROFILE, str(folder / "profile"))
    done = subprocess.run(
        ["sh", "-eu", "-c", text],
        env={"PATH": f"{folder}:/usr/bin:/bin", "RESTORING": "", **environment},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_stack_without_the_environment_fails_the_landing(tmp_path: Path) -> None:
    text = workstation_session.activation("ada")
    assert step(text, tmp_path, OURS) == (0, "")
    for stack in ("session required pam_unix.so\n", OURS.replace("ada", "eve")):
        assert step(text, tmp_path, stack) == (1, CHANGED.format(tmp_path))


def test_a_stack_that_keeps_the_environment_fails_the_removal(tmp_path: Path) -> None:
    text = workstation_session.withdrawal()
    assert step(text, tmp_path, "session required pam_unix.so\n") == (0, "")
    assert step(text, tmp_path, OURS) == (1, CHANGED.format(tmp_path))
    assert step(text, tmp_path, OURS, RESTORING="1") == (0, "")


def test_a_stack_that_reads_another_s_environment_differs(tmp_path: Path) -> None:
    text = workstation_session.live("ada")
    assert step(text, tmp_path, OURS) == (0, "")
    _, said = step(text, tmp_path, OURS.replace("ada", "eve"))
    assert said.splitlines() == [
        f"differs: {tmp_path}/{name} does not read the environment of ada"
        for name in workstation_session.STACKS
    ]


def test_the_environment_is_asked_for_without_the_persons_own_shell_files(desk: Desk) -> None:
    text = workstation_session.probe(desk)
    assert "env -i --chdir=/ PATH=/usr/bin:/bin su ada --shell /bin/sh --command env" in text
