"""Commit events: the queue is worked on, hooks are in place, and the token is nobody else's."""

from __future__ import annotations

import json

import pytest
from testinfra.host import Host

from deploys.commit_events import CONFIGURATION, CommitEvents, url
from deploys.commit_events_hooks import watched_on_server
from deploys.commit_events_queue import METRICS, STATE
from deploys.commit_events_units import DELIVER, unit_names
from deploys.git import AS_GIT
from deploys.node_exporter import NodeExporter
from deploys.topology import Machine, Topology

SHOW_ON_FAILURE = (
    f"journalctl --unit {DELIVER} --lines 20 --no-pager",
    f"ls -la {STATE} {STATE}/incoming",
)


def test_the_units_are_on_and_start_at_boot(host: Host, machine: Machine) -> None:
    for unit in unit_names(machine):
        assert host.service(unit).is_running
        assert host.service(unit).is_enabled


def test_every_repository_of_the_server_is_watched(host: Host, machine: Machine) -> None:
    for path in watched_on_server(machine):
        said = host.check_output(f"{AS_GIT} commit-events watched %s", path)
        assert said == f"{path} watched"


def test_the_token_is_read_by_the_deliverer_alone(host: Host) -> None:
    token = host.file(f"{CONFIGURATION}/token")
    assert (token.user, token.mode) == ("commit-events", 0o400)
    assert host.run("runuser -u nobody -- cat %s", token.path).rc != 0


def test_events_go_where_they_should(
    host: Host, machine: Machine, topology: Topology, settings: CommitEvents
) -> None:
    told = json.loads(host.file(f"{CONFIGURATION}/settings.json").content_string)
    assert told["url"] == url(settings, topology, machine)


@pytest.mark.parametrize("folder", ["queue", "rejected", "done"])
def test_what_waits_is_private(host: Host, folder: str) -> None:
    found = host.file(f"{STATE}/{folder}")
    assert (found.user, found.mode) == ("commit-events", 0o700)


def test_what_somebody_queues_nobody_else_reads(host: Host) -> None:
    assert host.run(f"runuser -u nobody -- ls {STATE}/incoming").rc != 0


def test_node_exporter_shows_the_queue(host: Host, machine: Machine) -> None:
    exporter = machine.settings["node_exporter"]
    assert isinstance(exporter, NodeExporter)
    address = f"http://{machine.address}:{exporter.port}/metrics"
    shown = host.check_output("curl --silent --fail --noproxy '*' %s", address)
    for name in ("waiting", "untagged", "oldest_seconds", "rejected", "last_run_timestamp_seconds"):
        assert f"\nai_idp_commit_events_{name} " in shown
    assert f'file="{METRICS}"' in shown or f"/{METRICS}" in shown
