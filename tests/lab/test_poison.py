"""Poison: no secret of the store shows in any output, nor in any place of any host."""

from __future__ import annotations

import base64
import gzip
import secrets
import subprocess
import urllib.parse
from collections.abc import Callable, Generator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

import secret_store
from lab import network
from lab.checkout import KEY_FILE, ROOT, container_name
from tests.lab.conftest import INVENTORY, PYINFRA, converge, inventory_hosts, shell
from tests.lab.logs import found
from tests.lab.poison import Poison, uploads
from tests.lab.poison_places import CONTENTS, content, readable_by_all, watched
from tests.lab.waiting import wait_until

HOSTS = sorted(network.read().hosts)
SERVER, GATEWAY, OBSERVATION = "schlimers-server", "sclimers-gateway", "sclimers-observation"
SECRET_FILES = {
    SERVER: "/opt/ai-idp/stacks/llama_cpp/api-key",
    GATEWAY: "/etc/nginx/tls/gateway.key",
    OBSERVATION: "/etc/prometheus/secrets",
}
LIMITS = [word for host in SECRET_FILES for word in ("--limit", host)]
DEPLOY = (PYINFRA, INVENTORY, "deploy.py", *LIMITS)

LOOKS = {
    "plan": ("./plan", INVENTORY, *LIMITS, "--verbose"),
    "plan --json": ("./plan", INVENTORY, *LIMITS, "--json"),
    "--dry --diff -vvv --debug-all": (*DEPLOY, "--dry", "--diff", "-vvv", "--debug-all"),
    "--debug-operations": (*DEPLOY, "--dry", "--debug-operations"),
    "--debug-operations --json": (*DEPLOY, "--dry", "--debug-operations", "--json"),
}
RUNS = {
    "-y --diff -vvv": (*DEPLOY, "-y", "--diff", "-vvv"),
    "-y --debug-all": (*DEPLOY, "-y", "--debug-all"),
}
MARK = "Deploy the configuration"
"""An operation that brings secret files: output without it would prove nothing."""


@dataclass(frozen=True)
class Evidence:
    """What runs said that uploaded every secret, and in which processes one was seen meanwhile."""

    outputs: dict[str, bytes]
    processes: set[str]


@pytest.fixture(scope="module")
def poison() -> Poison:
    """Every secret of the store, and the keys that open the store and the hosts."""
    store = secret_store.for_data(inventory_hosts()[0].data)
    values = {name: store.get(name).get_secret_value() for name in store.names()}
    values["identity"] = store.identity.read_text().splitlines()[-1]
    values["SSH key"] = KEY_FILE.read_text()
    return Poison(values)


@pytest.fixture
def planted() -> str:
    """A value like a secret's that is none, for the places in which the others may not be."""
    return secrets.token_hex(32)


def disturb() -> None:
    for host, path in SECRET_FILES.items():
        shell(host, f"rm -rf {path}")


def output(command: tuple[str, ...]) -> bytes:
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode in (0, 2), done.stdout.decode()
    return done.stdout


@pytest.fixture(scope="module")
def start_converged() -> None:
    converge(*SECRET_FILES)


@pytest.fixture(scope="module")
def disturbed(start_converged: None) -> None:
    disturb()


@pytest.fixture(scope="module")
def evidence(disturbed: None, poison: Poison) -> Generator[Evidence]:
    outputs = {}
    with ExitStack() as stack:
        ends = [stack.enter_context(watched(poison, host)) for host in (None, *SECRET_FILES)]
        for name, command in RUNS.items():
            disturb()
            outputs[name] = output(command)
        processes = set().union(*(end() for end in ends))
    yield Evidence(outputs, processes)
    converge(*SECRET_FILES)


@pytest.mark.parametrize("command", LOOKS.values(), ids=LOOKS)
def test_what_a_look_prints_has_no_secret(
    command: tuple[str, ...], disturbed: None, poison: Poison
) -> None:
    said = output(command)
    assert b"gateway.key" in said or MARK.encode() in said
    assert poison.found(said) == set()
    assert uploads(said) == []


def test_the_inventory_has_no_secret(poison: Poison) -> None:
    said = output((PYINFRA, INVENTORY, "debug-inventory", "--json"))
    assert b"secret_store" in said
    assert poison.found(said) == set()


@pytest.mark.parametrize("name", RUNS)
def test_what_a_run_prints_has_no_secret(name: str, evidence: Evidence, poison: Poison) -> None:
    said = evidence.outputs[name]
    assert MARK.encode() in said
    assert poison.found(said) == set()
    assert uploads(said) == []


def test_no_process_carried_a_secret_while_they_were_uploaded(evidence: Evidence) -> None:
    assert evidence.processes == set()


@pytest.mark.parametrize("place", CONTENTS)
@pytest.mark.parametrize("host", HOSTS)
def test_no_place_of_a_host_has_a_secret(
    host: str, place: str, evidence: Evidence, poison: Poison
) -> None:
    assert poison.found(content(host, place)) == set()


@pytest.mark.parametrize("host", HOSTS)
def test_no_file_that_all_can_read_has_a_secret(
    host: str, evidence: Evidence, poison: Poison
) -> None:
    assert readable_by_all(host, poison) == []


def stored() -> bytes:
    """What the hosts sent of themselves, as VictoriaLogs has it: each text once."""
    rows = found("* | uniq by (_msg, _CMDLINE)")
    return "\n".join(f"{row.get('_msg')} {row.get('_CMDLINE')}" for row in rows).encode()


def test_what_the_hosts_sent_has_no_secret(evidence: Evidence, poison: Poison) -> None:
    assert poison.found(stored()) == set()


def test_a_planted_line_is_found_in_what_the_hosts_sent(planted: str) -> None:
    give(OBSERVATION, "logger", planted)
    # Each look reads all that was ever sent.
    wait_until("it arrives", lambda: Poison({"planted": planted}).found(stored()) != set(), 180)


def _as_upload(value: bytes) -> bytes:
    text = base64.encodebytes(gzip.compress(b"stage/etc/key" + bytes(99) + value + bytes(99)))
    return b"".join(b"    [a-host] >>> " + line + b"\n" for line in text.splitlines())


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda value: b"key: " + value,
    "hexadecimal": lambda value: value.hex().encode(),
    "percent-encoded": lambda value: urllib.parse.quote(value + b"/", safe="").encode(),
    "base64": base64.b64encode,
    "base64, one byte before": lambda value: base64.b64encode(b"k" + value),
    "base64, two bytes before": lambda value: base64.b64encode(b"k=" + value + b"\n"),
    "base64 twice": lambda value: base64.b64encode(base64.b64encode(b"key " + value)),
    "an uploaded archive": _as_upload,
    "an archive cut off": lambda value: _as_upload(value + secrets.token_bytes(999))[:-400],
    "an archive in JSON": lambda value: _as_upload(value).replace(b"\n", b"\\n"),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_the_search_knows_each_form(form: Callable[[bytes], bytes], planted: str) -> None:
    printed = b"before " + form(planted.encode()) + b" after"
    assert Poison({"planted": planted}).found(printed) == {"planted"}
    assert Poison({"another": secrets.token_hex(32)}).found(printed) == set()


def test_the_search_knows_a_line_of_a_key() -> None:
    key = KEY_FILE.read_text()
    assert Poison({"key": key}).found(key.splitlines()[2].encode()) == {"key"}


PLANT = {
    "temporary files": ("cat >/run/planted", "rm /run/planted"),
    "the journal": ("logger", ""),
    "logs in files": ("cat >/var/log/planted.log", "rm /var/log/planted.log"),
    "container definitions": (
        "image=$(docker inspect --format '{{.Config.Image}}' llama_cpp-server-1); read -r value;"
        ' docker create --name planted --pull never --env "KEY=$value" "$image"',
        "docker rm planted",
    ),
}


def give(host: str, command: str, value: str) -> None:
    """Run `command` on `host` with the value on standard input."""
    arguments = ["docker", "exec", "-i", container_name(host), "sh", "-c", command]
    subprocess.run(arguments, input=f"{value}\n", text=True, check=True, capture_output=True)


@pytest.mark.parametrize("place", CONTENTS)
def test_a_value_planted_in_a_place_is_found(
    place: str, start_converged: None, planted: str
) -> None:
    plant, remove = PLANT[place]
    give(SERVER, plant, planted)
    try:
        assert Poison({"planted": planted}).found(content(SERVER, place)) == {"planted"}
    finally:
        shell(SERVER, remove)


def test_a_file_planted_for_all_to_read_is_found(planted: str) -> None:
    give(SERVER, "umask 022; cat >/var/lib/planted", planted)
    try:
        assert readable_by_all(SERVER, Poison({"": planted})) == ["/var/lib/planted"]
    finally:
        shell(SERVER, "rm /var/lib/planted")


@pytest.mark.parametrize(
    "process",
    ['read -r value; sh -c "sleep 1; true" "$value"', "read -r KEY; export KEY; sleep 1"],
    ids=["arguments", "environment"],
)
def test_a_process_with_a_planted_value_is_seen(process: str, planted: str) -> None:
    with watched(Poison({"planted": planted}), SERVER) as end:
        give(SERVER, process, planted)
        assert end()
