"""Secrets: shown to whoever asks, rotated with all that use them, and never made a second time."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.parse
from collections.abc import Generator
from dataclasses import dataclass

import pytest

import secret_store
from deploys.backup_secrets import STORE_ARCHIVE
from deploys.llama_cpp import API_KEY
from deploys.workstation_session import ENVIRONMENT as WORKSTATION_ENVIRONMENT
from group_data.backup import backup
from lab import network
from lab.checkout import ROOT, STATE, container_name
from lab.engine import docker
from lab.observer import Observation, observe
from planning import Plan
from tests.lab.announced import differences
from tests.lab.conftest import (
    INVENTORY,
    PYINFRA,
    Done,
    apply,
    changed,
    inventory_hosts,
    plan,
    repair,
    shell,
)
from tests.lab.waiting import wait_until

SERVER, GATEWAY, OBSERVATION = "schlimers-server", "sclimers-gateway", "sclimers-observation"
AUTOMATION = backup.secret_store_on
CONSUMERS = {
    SERVER: {
        ("file", "modify", "/opt/ai-idp/stacks/llama_cpp/api-key"),
        ("file", "modify", "/opt/ai-idp/stacks/llama_cpp/.env"),
        ("container", "recreate", "llama_cpp/server"),
    },
    OBSERVATION: {("file", "modify", f"/etc/prometheus/secrets/{API_KEY}")},
    "xps13": {("file", "modify", WORKSTATION_ENVIRONMENT)},
    AUTOMATION: {
        ("file", "modify", "/etc/n8n/secrets/credentials.json"),
        ("file", "modify", STORE_ARCHIVE),
    },
}
STORE = STATE / "secrets"
AWAY = STATE / "secrets-moved-away"
DEPLOYED = (SERVER, GATEWAY, OBSERVATION, AUTOMATION)
LOST_COMMANDS = {
    "plan": (("./plan", INVENTORY), DEPLOYED),
    "run": ((PYINFRA, "-y", INVENTORY, "deploy.py"), DEPLOYED),
    "one role": ((PYINFRA, "-y", INVENTORY, "deploys.prometheus.install"), (OBSERVATION,)),
}
SCRAPED_SECONDS = 60


def command(*arguments: str) -> Done:
    """`python -m secret_store` for the lab, as a person would type it."""
    words = [sys.executable, "-m", "secret_store", *arguments, "--inventory", INVENTORY]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True)


def value() -> str:
    return secret_store.for_data(inventory_hosts()[0].data).get(API_KEY).get_secret_value()


def status(key: str) -> int:
    """What the model server answers whoever comes with `key`; it is never an argument."""
    url = f"http://{network.read().hosts[SERVER]}:8080/v1/models"
    ask = f"curl --silent --output /dev/null --write-out '%{{http_code}}' --config - {url}"
    return int(
        docker(
            *("exec", "-i", container_name(SERVER), "sh", "-c", ask),
            stdin=f'header = "Authorization: Bearer {key}"\n',
        )
    )


def model_target() -> dict[str, str]:
    """The model server as Prometheus sees it: health, and when it was asked last."""
    address = network.read().hosts[OBSERVATION]
    query = urllib.parse.quote('{job="llama_cpp"}')
    answer = shell(OBSERVATION, f"curl --silent http://{address}:9090/api/v1/targets?match={query}")
    targets = json.loads(answer)["data"]["activeTargets"]
    (found,) = [target for target in targets if target["labels"]["job"] == "llama_cpp"]
    return {"health": found["health"], "asked": found["lastScrape"]}


@dataclass(frozen=True)
class Rotation:
    """A rotation of the model server's key that was rolled out."""

    old: str
    new: str
    said: Done
    planned: Plan
    applied: Done


@pytest.fixture(scope="module")
def rotation(lab_converged: None) -> Generator[Rotation]:
    old = value()
    said = command(API_KEY, "--rotate")
    try:
        yield Rotation(old, value(), said, plan(), apply(*CONSUMERS))
    finally:
        undone = command(API_KEY, "--undo")
        repair(*CONSUMERS)
    assert undone.stdout == f"{old}\n"
    assert status(old) == 200


def test_a_secret_is_shown_and_nothing_else() -> None:
    shown = command(API_KEY)
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, f"{value()}\n", "")


def test_rotating_shows_the_new_value_and_what_comes_next(rotation: Rotation) -> None:
    assert rotation.new != rotation.old
    assert rotation.said.stdout == f"{rotation.new}\n"
    assert "`make apply` brings it to its users" in rotation.said.stderr


def test_the_plan_names_exactly_what_uses_it(rotation: Rotation) -> None:
    assert changed(rotation.planned) == CONSUMERS


def test_the_plan_shows_neither_value(rotation: Rotation) -> None:
    text = json.dumps(rotation.planned.hosts)
    assert text.count("(secret content, not shown)") == 5
    assert rotation.old not in text
    assert rotation.new not in text


def test_the_run_brings_it_to_all_of_them(rotation: Rotation) -> None:
    assert rotation.applied.returncode == 0, rotation.applied.stderr
    assert plan().exit_code == 0


def test_the_new_key_opens_and_the_old_one_does_not(rotation: Rotation) -> None:
    assert (status(rotation.new), status(rotation.old)) == (200, 401)


def test_prometheus_comes_in_again(rotation: Rotation) -> None:
    asked = model_target()["asked"]
    wait_until(
        "Prometheus asks the model server again",
        lambda: model_target()["asked"] != asked,
        SCRAPED_SECONDS,
    )
    assert model_target()["health"] == "up"


@dataclass(frozen=True)
class Lost:
    """What came of a plan and of runs while the store was gone from where it was."""

    done: dict[str, Done]
    before: dict[str, Observation]
    after: dict[str, Observation]


def limited(words: tuple[str, ...], hosts: tuple[str, ...]) -> Done:
    limits = [word for host in hosts for word in ("--limit", host)]
    return subprocess.run([*words, *limits], cwd=ROOT, capture_output=True, text=True)


@pytest.fixture(scope="module")
def lost(lab_converged: None) -> Lost:
    before = {host: observe(host) for host in DEPLOYED}
    STORE.rename(AWAY)
    try:
        done = {name: limited(*command) for name, command in LOST_COMMANDS.items()}
    finally:
        # The command makes a store where it finds none, as at the very first roll-out.
        shutil.rmtree(STORE, ignore_errors=True)
        AWAY.rename(STORE)
    return Lost(done, before, {host: observe(host) for host in DEPLOYED})


@pytest.mark.parametrize("name", LOST_COMMANDS)
def test_a_lost_store_is_refused_with_the_way_back(name: str, lost: Lost) -> None:
    done, (_, hosts) = lost.done[name], LOST_COMMANDS[name]
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert all(host in done.stderr for host in hosts)
    wanted = "restore the store and its identity from your backup"
    assert done.stderr.count(wanted) == len(hosts)


def test_a_lost_store_changes_no_host(lost: Lost) -> None:
    nothing_announced: list[dict[str, str]] = []
    for host in DEPLOYED:
        assert differences(nothing_announced, lost.before[host], lost.after[host]) == []


def test_the_store_that_came_back_is_as_good_as_before(lost: Lost) -> None:
    assert plan(*DEPLOYED).exit_code == 0
