"""Faults at the door: who gets in, who does not, and a change that would lock everybody out."""

from __future__ import annotations

import socket
from collections.abc import Generator
from pathlib import Path

import pytest

from lab import network
from tests.lab.altered_checkout import AlteredCheckout
from tests.lab.conftest import apply, converge, shell
from tests.lab.overlay import Overlay
from tests.lab.waiting import wait_until

SERVER, GATEWAY, OBSERVATION = "schlimers-server", "sclimers-gateway", "sclimers-observation"
QUIET = "sclimers-mlflow"
"""A host that nobody uses here."""
OTHER = "sclimers-automation"
HOSTS = sorted(network.read().hosts)
WORKSTATION = "xps13"
MODEL_PORT, EXPORTER_PORT, UNDECLARED_PORT, VLLM_PORT = 8080, 9100, 8099, 8000
LISTENER = "undeclared"
HOST_KEYS = "/etc/ssh/ssh_host_*"


@pytest.fixture(scope="module", autouse=True)
def start_converged() -> None:
    """Every test here finds the firewall of every host converged, and leaves it so."""
    converge(deploy="deploys.firewall.install")


def reaches(client: str, host: str, port: int, path: str = "/", seconds: int = 2) -> bool:
    """Whether an HTTP server of `host` answers a client on another host, whatever it says."""
    url = f"http://{network.read().hosts[host]}:{port}{path}"
    command = f"curl --silent --max-time {seconds} --output /dev/null {url} && echo answered"
    return "answered" in shell(client, command, check=False)


@pytest.mark.parametrize("client", [host for host in HOSTS if host != SERVER])
def test_the_model_port_answers_the_gateway_and_prometheus_alone(client: str) -> None:
    may = client in (GATEWAY, OBSERVATION)
    assert reaches(client, SERVER, MODEL_PORT, seconds=20 if may else 2) == may


@pytest.mark.parametrize("path", ["/invocations", "/tokenize", "/metrics", "/pause"])
def test_what_vllm_serves_without_a_key_does_not_answer_the_workstation(path: str) -> None:
    assert not reaches(WORKSTATION, SERVER, VLLM_PORT, path)
    assert reaches(GATEWAY, SERVER, VLLM_PORT, path, seconds=20)


@pytest.fixture(scope="module")
def undeclared_port() -> Generator[None]:
    """A container that somebody has started by hand, published on all addresses."""
    image = shell(SERVER, "docker inspect --format '{{.Config.Image}}' llama_cpp-server-1").strip()
    model = shell(SERVER, "ls /srv/models/llama-3.2-3b-instruct/*/*.gguf").split()[0]
    shell(
        SERVER,
        f"docker run --detach --name {LISTENER} --publish {UNDECLARED_PORT}:8080"
        f" --volume {model}:/model.gguf:ro {image} --model /model.gguf --ctx-size 256",
    )
    try:
        wait_until("it answers on its host", lambda: reaches(SERVER, SERVER, UNDECLARED_PORT))
        yield
    finally:
        shell(SERVER, f"docker rm --force {LISTENER}")


@pytest.mark.parametrize("client", [host for host in HOSTS if host != SERVER])
def test_a_published_port_that_no_role_declares_answers_nobody(
    client: str, undeclared_port: None
) -> None:
    assert not reaches(client, SERVER, UNDECLARED_PORT)


@pytest.mark.parametrize("host", HOSTS)
def test_the_node_exporter_answers_prometheus_alone(host: str) -> None:
    stranger = GATEWAY if host != GATEWAY else SERVER
    assert reaches(OBSERVATION, host, EXPORTER_PORT)
    if host != OBSERVATION:
        assert not reaches(stranger, host, EXPORTER_PORT)


@pytest.mark.parametrize("host", HOSTS)
def test_ssh_stays_open_to_the_network(host: str) -> None:
    with socket.create_connection((network.read().hosts[host], 22), timeout=5) as connection:
        assert connection.recv(4) == b"SSH-"


def rules(check: bool = True) -> str:
    look = "nft --stateless list table inet ai_idp && cat /etc/ai-idp/firewall.nft"
    return shell(QUIET, look, check)


@pytest.fixture
def debians_own() -> Generator[None]:
    """Debian's unit for rules of one's own, which flushes all there are."""
    yield
    shell(QUIET, "systemctl stop nftables; systemctl reset-failed ai-idp-firewall; :")
    shell(QUIET, "systemctl start ai-idp-firewall")


def test_our_rules_come_back_with_those_of_debian(debians_own: None) -> None:
    before = rules()
    for verb in ("restart", "reload", "restart", "reload"):
        shell(QUIET, f"systemctl {verb} nftables")
        wait_until(f"they are back after a {verb}", lambda: rules(check=False) == before, 20)


def sshd_settings() -> str:
    return shell(QUIET, "sshd -T; sha256sum /etc/ssh/sshd_config.d/*")


def test_a_firewall_that_locks_us_out_takes_itself_back(tmp_path: Path) -> None:
    overlay, before = Overlay(tmp_path), rules()
    overlay.update("ssh", allowed_networks=["192.0.2.0/24"])
    run = overlay.apply(QUIET)
    assert run.returncode != 0
    assert "no second SSH session confirmed the change" in run.stderr
    assert rules() == before
    converge(QUIET)


def test_an_sshd_configuration_that_refuses_our_key_takes_itself_back(tmp_path: Path) -> None:
    checkout, before = AlteredCheckout(tmp_path), sshd_settings()
    checkout.append("templates/ssh/00-ai-idp.conf.j2", "AllowUsers somebody-else")
    run = checkout.apply(QUIET)
    assert run.returncode != 0
    assert "no second SSH session confirmed the change" in run.stdout
    assert sshd_settings() == before
    converge(QUIET)


@pytest.fixture
def swapped_host_key() -> Generator[None]:
    shell(QUIET, f"mkdir /root/keys && mv {HOST_KEYS} /root/keys/ && ssh-keygen -A")
    shell(QUIET, "systemctl restart ssh")
    yield
    shell(QUIET, f"rm {HOST_KEYS} && mv /root/keys/* /etc/ssh/ && rmdir /root/keys")
    shell(QUIET, "systemctl restart ssh")
    converge(QUIET)


def test_a_swapped_host_key_is_refused_and_the_others_finish(swapped_host_key: None) -> None:
    for host in (QUIET, OTHER):
        shell(host, "echo Antarctica/Troll >/etc/timezone")
    run = apply(QUIET, OTHER)
    assert run.returncode != 0
    assert QUIET in run.stderr
    assert f"make trust HOST={QUIET}" in run.stderr
    assert "Troll" in shell(QUIET, "cat /etc/timezone"), "the host was changed all the same"
    assert "Troll" not in shell(OTHER, "cat /etc/timezone"), "another host did not finish"
