"""n8n: its owner logs in, webhooks want their token, and it asks nobody outside for anything."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from testinfra.host import Host

from deploys.n8n import N8n
from deploys.n8n_files import IMPORT, OWNER_PASSWORD, STATE, UNIT, VERSIONED_DATA
from deploys.n8n_workflows import WORKFLOWS, placeholder_values, workflows
from deploys.topology import Machine, Topology
from deploys.vault import VAULT
from deploys.webhooks import TOKEN
from tests.verify.gateway import Answer, Connection, Gateway

SHOW_ON_FAILURE = (f"journalctl --unit {UNIT} --lines 30 --no-pager",)
LOCAL = ("127.0.0.1", "[::1]")


class Editor:
    """Somebody at the gateway who asks n8n."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    def ask(self, path: str, body: Any = None, **headers: str) -> Answer:
        method, content = ("GET", None) if body is None else ("POST", json.dumps(body))
        sent = {"Content-Type": "application/json", **headers}
        there = self.gateway
        with closing(Connection(there.address, there.name, there.trust)) as connection:
            connection.request(method, f"/n8n/{path}", content, sent)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, (answer.read(),), ())

    def log_in(self, machine: Machine, password: str) -> Answer:
        owner = f"admin@{machine.data['domain']}"
        return self.ask("rest/login", {"emailOrLdapLoginId": owner, "password": password})


@pytest.fixture
def settings(machine: Machine) -> N8n:
    found = machine.settings["n8n"]
    assert isinstance(found, N8n)
    return found


@pytest.fixture
def editor(gateway: Gateway) -> Editor:
    return Editor(gateway)


def test_it_runs_and_starts_at_boot(host: Host) -> None:
    assert host.service(UNIT).is_running
    assert host.service(UNIT).is_enabled


def test_the_owner_logs_in_and_sees_the_workflows(
    machine: Machine,
    editor: Editor,
    settings: N8n,
    topology: Topology,
    secret: Callable[[str], str],
) -> None:
    answer = editor.log_in(machine, secret(OWNER_PASSWORD))
    assert answer.status == 200, answer.text
    (cookie,) = answer.headers.get_all("Set-Cookie") or ["none"]
    assert {"Secure", "HttpOnly"} <= {word.strip() for word in cookie.split(";")}
    shown = editor.ask("rest/workflows", Cookie=cookie.partition(";")[0]).json()["data"]
    active = {workflow["id"] for workflow in shown if workflow["active"]}
    values = placeholder_values(topology, settings.model_role, VAULT)
    assert {workflow.id for workflow in workflows(WORKFLOWS, values)} <= active


def test_another_password_is_refused(machine: Machine, editor: Editor) -> None:
    assert editor.log_in(machine, "not the password").status == 401
    assert editor.ask("rest/workflows").status == 401


@pytest.mark.parametrize("path", ["metrics", "METRICS", "metrics/", "api/v1/workflows", "healthz"])
def test_what_is_not_for_people_is_not_passed_on(editor: Editor, path: str) -> None:
    assert editor.ask(path).status == 404


def test_nobody_sets_it_up_anew(editor: Editor) -> None:
    body = {"email": "x@example.org", "firstName": "x", "lastName": "y", "password": "Abcdefg1"}
    assert editor.ask("rest/owner/setup", body).status == 400


def test_it_tells_nobody_of_itself(editor: Editor, machine: Machine) -> None:
    said = editor.ask("rest/settings").json()["data"]
    assert said.get("telemetry", {"enabled": False})["enabled"] is False
    assert said.get("versionNotifications", {"enabled": False})["enabled"] is False


def test_it_is_connected_to_hosts_of_the_inventory_alone(
    host: Host, machine: Machine, topology: Topology
) -> None:
    known = {held.address for held in topology.machines}
    pids = host.check_output("pgrep --euid n8n").split()
    lines = host.check_output("ss --tcp --numeric --no-header --processes state established")
    peers = {
        line.split()[3].rpartition(":")[0]
        for line in lines.splitlines()
        if any(f"pid={pid}," in line for pid in pids)
    }
    assert peers <= {*known, *LOCAL}


def test_metrics_are_there(host: Host, machine: Machine, settings: N8n) -> None:
    text = host.check_output(f"curl -fsS http://{machine.address}:{settings.port}/metrics")
    (line,) = (x for x in text.splitlines() if x.startswith("n8n_version_info"))
    assert f'version="v{settings.version}"' in line


def test_what_runs_is_what_is_declared(host: Host, settings: N8n) -> None:
    pid = host.check_output("systemctl show --property MainPID --value %s", UNIT)
    assert host.check_output("readlink %s", f"/proc/{pid}/exe") == f"{settings.node}/bin/node"
    assert f"{settings.tree}/" in host.file(f"/proc/{pid}/cmdline").content_string
    assert host.file(f"{STATE}/versions/version").content_string.strip() == settings.build


def test_no_secret_is_in_its_command_or_its_environment(
    host: Host, secret: Callable[[str], str]
) -> None:
    pid = host.check_output("systemctl show --property MainPID --value %s", UNIT)
    told = host.check_output(f"cat /proc/{pid}/cmdline /proc/{pid}/environ | tr '\\0' '\\n'")
    for name in (OWNER_PASSWORD, TOKEN, "n8n/encryption-key"):
        assert secret(name) not in told


def test_its_workflows_are_those_of_the_files(host: Host) -> None:
    drift = f"{IMPORT} drift --state {STATE} --files /etc/n8n/workflows"
    assert host.check_output(drift) == ""


def test_it_runs_as_a_user_of_its_own_within_its_memory(host: Host, settings: N8n) -> None:
    pid = host.check_output("systemctl show --property MainPID --value %s", UNIT)
    assert host.check_output("stat --format %%U %s", f"/proc/{pid}") == "n8n"
    limit = host.check_output("systemctl show --property MemoryMax --value %s", UNIT)
    assert int(limit) == settings.memory_limit_mib * 2**20
    assert host.file(VERSIONED_DATA).mode == 0o755
