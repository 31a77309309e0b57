"""Verification: every test file of a role, against every host of that role in an inventory.

`pytest tests/verify --inventory inventory.py [--limit NAME]`: test_<role>.py runs once for each
host of the group <role>. A file may name SHOW_ON_FAILURE, shell commands whose output a failed test
shows, such as the journal of a unit, and PRESENT: arguments of tests that run once for each of some
roles, as far as the inventory has them.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import pytest
from testinfra.host import Host

import certificates
import secret_store
from deploys.roles import role_names
from deploys.settings import Settings
from deploys.topology import Machine, Topology
from inventory_json import InventoryError
from tests.verify import connections, gateway, machines
from tests.verify.connections import AbsentError
from tests.verify.gateway import Gateway

SHORTEST_SECRET = 12


@dataclass(frozen=True)
class Verified:
    """What this session verifies: the whole inventory, and the machines that were asked for."""

    topology: Topology
    selected: tuple[Machine, ...]

    def having(self, role: str) -> list[Machine]:
        return [machine for machine in self.selected if role in machine.groups]


VERIFIED = pytest.StashKey[Verified | None]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("ai-idp")
    group.addoption("--inventory", type=Path, help="verify the hosts of this inventory file")
    group.addoption("--limit", action="append", default=[], help="only this host or group")


def pytest_configure(config: pytest.Config) -> None:
    # A run of all tests comes by here too, and verifies nothing: that needs somebody's hosts.
    inventory = config.option.inventory
    named = inventory is not None or _is_named(config)
    config.stash[VERIFIED] = _verified(inventory, config.option.limit) if named else None


def _is_named(config: pytest.Config) -> bool:
    names = (argument.partition("::")[0] for argument in config.args)
    paths = (config.invocation_params.dir / name for name in names)
    return any(path.resolve().is_relative_to(Path(__file__).parent) for path in paths)


def _verified(inventory: Path | None, limit: list[str]) -> Verified:
    if inventory is None:
        raise pytest.UsageError("tests/verify asks real hosts; name them: --inventory inventory.py")
    try:
        topology = machines.topology(inventory)
        return Verified(topology, machines.selected(topology, limit))
    except InventoryError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the roles that no selected host has, and everything where no host is named."""
    if not collection_path.name.startswith("test_"):
        return None
    verified = config.stash[VERIFIED]
    role = _role(collection_path)
    if role not in role_names():
        raise pytest.UsageError(f"{collection_path} verifies {role}, which is no role")
    return None if verified and verified.having(role) else True


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    verified = metafunc.config.stash[VERIFIED]
    if verified and "machine" in metafunc.fixturenames:
        having = verified.having(_role(metafunc.definition.path))
        if "hardware" in metafunc.fixturenames:
            having = [machine for machine in having if machine.hardware is not None]
        names = [machine.name for machine in having]
        metafunc.parametrize("machine", having, ids=names, indirect=True, scope="session")
    for argument, roles in getattr(metafunc.module, "PRESENT", {}).items():
        if verified and argument in metafunc.fixturenames:
            present = [role for role in roles if verified.topology.having(role)]
            metafunc.parametrize(argument, present)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed check shows what its service says of it; no report shows a secret."""
    report = yield
    verified = item.config.stash[VERIFIED]
    if report.failed and verified:
        report.sections += _evidence(item)
        _redact(report, _secret_values(verified.topology))
    return report


def _evidence(item: pytest.Item) -> list[tuple[str, str]]:
    arguments = getattr(item, "funcargs", {})
    if "machine" not in arguments:
        return []
    try:
        host = connections.connected(arguments["machine"])
    except AbsentError as error:
        return [("connection", str(error))]
    commands = getattr(getattr(item, "module", None), "SHOW_ON_FAILURE", ())
    return [
        (f"{arguments['machine'].name}: {command}", _said(host, command)) for command in commands
    ]


def _said(host: Host, command: str) -> str:
    result = host.run(command)
    return f"{result.stdout}{result.stderr}"


def _redact(report: pytest.TestReport, values: dict[str, str]) -> None:
    report.sections = [(title, _redacted(text, values)) for title, text in report.sections]
    text = str(report.longrepr)
    if _redacted(text, values) != text:
        report.longrepr = _redacted(text, values)


def _redacted(text: str, values: dict[str, str]) -> str:
    for value, name in values.items():
        text = text.replace(value, f"(secret {name})")
    return text


def _secret_values(topology: Topology) -> dict[str, str]:
    """Every line of every secret (a key has several) with the secret's name."""
    store = secret_store.for_data(topology.machines[0].data)
    return {
        line: name
        for name in store.names()
        for line in store.get(name).get_secret_value().splitlines()
        if len(line) >= SHORTEST_SECRET and not line.startswith("-----")
    }


@pytest.fixture(scope="session")
def topology(pytestconfig: pytest.Config) -> Topology:
    """All hosts of the inventory, whatever --limit says."""
    verified = pytestconfig.stash[VERIFIED]
    assert verified is not None
    return verified.topology


@pytest.fixture(scope="session")
def machine(request: pytest.FixtureRequest) -> Machine:
    """The host that this test is about, as the inventory has it."""
    found: Machine = request.param
    return found


@pytest.fixture(scope="session")
def host_named(topology: Topology) -> Callable[[str], Host]:
    """Any other host of the inventory, connected; skips where it is absent and may be."""
    return lambda name: _present(topology.machine(name))


@pytest.fixture(scope="session")
def host(machine: Machine) -> Host:
    """The host that this test is about, connected as pyinfra connects; commands run as root."""
    return _present(machine)


def _present(machine: Machine) -> Host:
    try:
        return connections.connected(machine)
    except AbsentError as error:
        if machine.may_be_absent:
            pytest.skip(f"it may be absent: {error}")
        raise


@pytest.fixture
def settings(machine: Machine, request: pytest.FixtureRequest) -> Settings:
    """The settings of this file's role on the host, as the roll-out had them."""
    return machine.settings[_role(request.path)]


@pytest.fixture(scope="session")
def secret(topology: Topology) -> Callable[[str], str]:
    """The value of a secret, by name."""
    store = secret_store.for_data(topology.machines[0].data)
    return lambda name: store.get(name).get_secret_value()


@pytest.fixture(scope="session")
def trust(topology: Topology) -> ssl.SSLContext:
    """A client's TLS that believes the internal CA and nobody else."""
    authority = certificates.for_data(topology.machines[0].data)
    return ssl.create_default_context(cadata=authority.certificate_path.read_text())


@pytest.fixture(scope="session", name="gateway")
def first_gateway(topology: Topology, trust: ssl.SSLContext) -> Gateway:
    """The gateway, for roles behind it; skips where the inventory has none."""
    having = topology.having("nginx")
    if not having:
        pytest.skip("the inventory has no gateway")
    return gateway.of(having[0], trust)


def _role(path: Path) -> str:
    return path.stem.removeprefix("test_")
