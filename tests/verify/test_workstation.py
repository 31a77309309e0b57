"""Workstation: the person at the desk uses every service with nothing set by hand."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import cast

import pytest
from testinfra.host import Host

from deploys.gateway import base_url
from deploys.settings import Settings
from deploys.topology import Topology
from deploys.workstation import Workstation
from deploys.workstation_session import ENVIRONMENT
from deploys.workstation_ssh import CONFIGURATION, KNOWN_HOSTS
from deploys.workstation_trust import AUTHORITY, PROGRAM

SHOW_ON_FAILURE = (
    "grep -n envfile /etc/pam.d/common-session*",
    f"ls -la {ENVIRONMENT}",
    "ls -la /opt/ai-idp/workstation",
)
TRACKED = """
import mlflow, sys
sys.exit(not mlflow.MlflowClient().search_experiments())
"""
MODELS = """
import openai, sys
sys.exit(not openai.OpenAI().models.list().data)
"""
CHROMIUM = "command -v chromium || command -v chromium-browser"


@pytest.fixture
def user(settings: Settings) -> str:
    return cast(Workstation, settings).user


def as_person(host: Host, user: str, command: str) -> tuple[int, str]:
    """Status and words of a command in a login session of the person."""
    line = shlex.join(["su", "--login", user, "--shell", "/bin/sh", "--command", command])
    done = host.run(f"{line} </dev/null 2>&1")
    return done.rc, done.stdout


def does(host: Host, user: str, command: str) -> str:
    status, said = as_person(host, user, command)
    assert status == 0, said
    return said


def python(host: Host, user: str, program: str) -> None:
    does(host, user, f"ai-idp-python -c {shlex.quote(program)}")


@pytest.fixture
def url(topology: Topology) -> str:
    found = base_url(topology)
    if not found:
        pytest.skip("the inventory has no gateway")
    return found


def test_the_environment_is_read_by_its_owner_alone(host: Host, user: str) -> None:
    found = host.file(ENVIRONMENT)
    assert (found.user, found.mode) == (user, 0o600)


def test_a_session_of_anybody_else_has_none_of_it(host: Host) -> None:
    _, said = as_person(host, "nobody", "env | cut -d= -f1")
    assert not [name for name in said.split() if name.startswith(("OPENAI_", "MLFLOW_"))]


def test_nothing_that_was_brought_to_the_home_is_roots(
    host: Host, user: str, settings: Settings
) -> None:
    home = shlex.quote(does(host, user, "echo $HOME").strip())
    folder = cast(Workstation, settings).vault_folder or ".pki"
    places = (".pki", ".local/share/pki", "snap/*/current/.pki", shlex.quote(folder))
    found = " ".join(f"{home}/{place}" for place in places)
    assert host.run(f"find {found} ! -user {user} -print -quit 2>/dev/null").stdout == ""


def test_curl_and_python_believe_the_gateway(host: Host, user: str, url: str) -> None:
    does(host, user, f"curl --silent --show-error --fail --output /dev/null {url}/")
    asked = f"import requests; requests.get({url!r}).raise_for_status()"
    python(host, user, asked)


def test_the_model_server_knows_the_key(host: Host, user: str, url: str) -> None:
    assert url in does(host, user, "echo $OPENAI_BASE_URL")
    python(host, user, MODELS)


def test_mlflow_lets_the_person_in(host: Host, user: str, topology: Topology) -> None:
    if not topology.having("mlflow"):
        pytest.skip("the inventory has no MLflow")
    python(host, user, TRACKED)


def test_browsers_hold_the_ca_and_no_older_one(host: Host, user: str) -> None:
    does(host, user, f"python3 -I -B {PROGRAM} check {AUTHORITY}")


def test_chromium_shows_a_page_of_the_gateway(host: Host, user: str, url: str) -> None:
    if host.run(CHROMIUM).rc != 0:
        pytest.skip("no Chromium is installed")
    page = does(
        host,
        user,
        f"timeout 60 $({CHROMIUM}) --headless --no-sandbox --disable-gpu --dump-dom {url}/",
    )
    assert "<title" in page and "ERR_CERT" not in page


def test_ssh_knows_every_pinned_host_by_each_name(
    host: Host, user: str, topology: Topology
) -> None:
    known = host.file(KNOWN_HOSTS).content_string
    for machine in topology.machines:
        if f",{machine.address} " in known:
            found = does(
                host, user, f"ssh -G {machine.fqdn}; ssh-keygen -F {machine.name} -f {KNOWN_HOSTS}"
            )
            assert "stricthostkeychecking true" in found
            assert "userknownhostsfile none" in found
    assert Path(CONFIGURATION).name in host.run("ls /etc/ssh/ssh_config.d").stdout


@pytest.mark.parametrize("command", ["hf version", "mlflow --version", "ai-idp-python --version"])
def test_the_clients_run(host: Host, user: str, command: str) -> None:
    does(host, user, command)


def test_bash_completes_make(host: Host, user: str) -> None:
    # Where no checkout is, the distribution's own completion is asked.
    shell = """. /usr/share/bash-completion/bash_completion
complete -p make
cd "$(mktemp -d)"
COMP_WORDS=(make x) COMP_CWORD=1 COMP_LINE='make x' COMP_POINT=6
_ai_idp_make make x make
echo "asked: $_ai_idp_stock_function"
"""
    said = does(host, user, f"bash -c {shlex.quote(shell)}")
    assert "complete -F _ai_idp_make make" in said
    assert "asked: _" in said
