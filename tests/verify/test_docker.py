"""Docker: the engine runs with our configuration, and Compose is there for the stacks."""

from __future__ import annotations

import json
from ipaddress import IPv4Network
from typing import Any

import pytest
from testinfra.host import Host

import secret_store
from deploys import container_health, docker_daemon, docker_data_root, docker_engine
from deploys.docker import Docker
from deploys.docker_daemon import DAEMON
from deploys.docker_engine import ENGINES, IN_THE_WAY
from deploys.topology import Machine
from facts.jetson_linux import JetsonLinux, Release
from facts.storage import Storage, StorageState
from operations.compose import STACKS
from tests.verify import containers
from tests.verify.containers import Container

SHOW_ON_FAILURE = ("journalctl --unit docker --lines 20 --no-pager",)
BOARD_NODES = ("nvmap", "nvgpu", "nvidia0", "nvidiactl")
"""Below /dev: of these a Jetson has some, by its release."""
LISTER = "ai-idp-verify:lister"
MAKE_LISTER = (
    "tar --create --dereference --file - /bin/ls $(ldd /bin/ls | grep -o '/[^ )]*') 2>/dev/null"
    f" | docker import - {LISTER} >/dev/null"
)
ALLOWED_CAPABILITIES: dict[str, int] = {}
"""By stack, as in CapEff of /proc/<pid>/status; every other stack has none."""


@pytest.fixture
def engine(host: Host) -> Any:
    """What the engine says of itself."""
    return json.loads(host.check_output("docker info --format '{{json .}}'"))


@pytest.fixture
def release(host: Host) -> Release:
    """The Jetson Linux of the host, if it is a Jetson."""
    return JetsonLinux().process(host.check_output(JetsonLinux().command()).splitlines())


@pytest.fixture
def storage(host: Host) -> Storage:
    """Its disks, and what Docker keeps where."""
    command = StorageState().command(disks=True)
    return StorageState().process(host.check_output(command).splitlines())


@pytest.fixture
def data_root(release: Release, storage: Storage, settings: Docker) -> str:
    """Where Docker's data shall lie."""
    if release.major or settings.data_root:
        return docker_data_root.path(settings.data_root, storage)
    return docker_data_root.DEFAULT


def test_the_engine_starts_with_the_host_and_runs(host: Host) -> None:
    service = host.service("docker")
    assert service.is_running
    assert service.is_enabled


def test_the_configuration_on_disk_is_ours(
    host: Host, machine: Machine, settings: Docker, release: Release, data_root: str
) -> None:
    nvidia = "nvidia" in machine.groups or release.major > 0
    expected = docker_daemon.content(settings, nvidia=nvidia, data_root=data_root)
    assert json.loads(host.file(DAEMON).content_string) == expected


def test_the_engine_is_that_of_the_chosen_source(
    host: Host, settings: Docker, release: Release
) -> None:
    chosen = settings.on(release)
    package = {"docker": "docker-ce", "distribution": "docker.io"}[chosen.source]
    owner = host.check_output("dpkg-query --search $(command -v dockerd)")
    assert owner.partition(":")[0] == package
    version = host.package(package).version
    assert version.startswith(f"5:{chosen.version}-" if chosen.version else "")
    assert docker_engine.too_new(chosen.source, version, release) == ""
    assert not any(host.package(name).is_installed for name in IN_THE_WAY[chosen.source])


def test_an_engine_for_an_old_kernel_is_held(
    host: Host, settings: Docker, release: Release
) -> None:
    held = host.check_output("apt-mark showhold").splitlines()
    if docker_engine.lacks_raw_table(release):
        assert set(ENGINES[settings.on(release).source]) <= set(held)


def test_the_data_lie_where_they_shall_and_wait_for_their_disk(
    host: Host, engine: Any, storage: Storage, data_root: str
) -> None:
    assert engine["DockerRootDir"] == data_root
    mount = docker_data_root.mount_point(data_root, storage)
    if mount and data_root != docker_data_root.DEFAULT:
        waits = host.check_output("systemctl show -P RequiresMountsFor docker.service").split()
        assert data_root in waits
        asserted = host.check_output("systemctl cat docker.service")
        assert f"\nAssertPathIsMountPoint={mount}\n" in f"{asserted}\n"
        host.check_output(f"mountpoint --quiet {mount}")


def test_a_container_is_given_the_board_only_by_the_runtime(
    host: Host, engine: Any, release: Release
) -> None:
    assert engine["DefaultRuntime"] == "runc"
    nodes = set(BOARD_NODES) & set(host.check_output("ls /dev").split())
    if not release.major:
        return
    assert nodes, "the board has no node of its GPU"
    run = f"docker run --rm --network none {{}} {LISTER} /bin/ls /dev"
    try:
        host.check_output(MAKE_LISTER)
        given = run.format("--runtime nvidia --env NVIDIA_VISIBLE_DEVICES=all")
        assert nodes <= set(host.check_output(given).split())
        assert nodes.isdisjoint(host.check_output(run.format("")).split())
    finally:
        host.run(f"docker image rm {LISTER}")


def test_the_program_on_disk_is_the_one_that_runs(host: Host) -> None:
    running = host.check_output("readlink /proc/$(systemctl show -P MainPID docker)/exe")
    assert running == host.check_output("command -v dockerd")


def test_a_repository_of_docker_s_is_vouched_for_by_one_key(
    host: Host, settings: Docker, release: Release
) -> None:
    listed = host.file("/etc/apt/sources.list.d/ai-idp-docker.sources")
    assert listed.exists == (settings.on(release).source == "docker")
    if listed.exists:
        assert "\nSigned-By: /etc/apt/keyrings/ai-idp-docker.asc\n" in listed.content_string
        assert "rusted" not in listed.content_string


def test_containers_outlive_a_restart_of_the_engine(engine: Any, settings: Docker) -> None:
    assert engine["LiveRestoreEnabled"] == settings.keep_containers_running


def test_the_health_of_each_container_is_written_for_prometheus(host: Host) -> None:
    listed = "docker ps --all --filter label=com.docker.compose.project --format '{{.ID}}' | wc -l"
    age = host.check_output(
        f"echo $(($(date +%s) - $(stat --format %Y {container_health.METRICS})))"
    )
    assert int(age) < 120
    found = host.file(container_health.METRICS).content_string
    assert f"ai_idp_containers {host.check_output(listed)}\n" in found


def test_the_address_pool_is_in_force(engine: Any, settings: Docker) -> None:
    pool = {"Base": str(settings.address_pool), "Size": settings.network_prefix_bits}
    assert engine["DefaultAddressPools"] == [pool]


def test_devices_can_be_given_by_cdi(engine: Any) -> None:
    assert engine["CDISpecDirs"]


def test_no_container_network_has_the_address_of_a_host(host: Host, settings: Docker) -> None:
    command = (
        "docker network inspect $(docker network ls --quiet --filter driver=bridge)"
        " --format '{{range .IPAM.Config}}{{.Subnet}} {{end}}'"
    )
    subnets = host.check_output(command).split()
    assert subnets
    assert all(IPv4Network(subnet).subnet_of(settings.address_pool) for subnet in subnets)


def test_what_containers_say_goes_to_the_journal(host: Host, settings: Docker) -> None:
    command = "docker inspect $(docker ps --quiet) --format '{{json .HostConfig.LogConfig}}'"
    daemon = docker_daemon.content(settings)
    expected = {"Type": daemon["log-driver"], "Config": daemon["log-opts"]}
    running = host.check_output("docker ps --quiet")
    configured = host.check_output(command).splitlines() if running else []
    assert all(json.loads(line) == expected for line in configured)


def test_compose_is_the_plugin_of_the_engine(host: Host) -> None:
    # The distributions have 2; Docker's own repository went from 2 to 5.
    version = host.check_output("docker compose version --short").lstrip("v")
    assert int(version.partition(".")[0]) in (2, 5)


def test_only_root_gives_orders(host: Host) -> None:
    socket = host.file("/run/docker.sock")
    assert (socket.user, socket.group, socket.mode & 0o007) == ("root", "docker", 0)
    members = host.check_output("getent group docker").rpartition(":")[2]
    assert members == ""


@pytest.fixture(scope="session")
def stacks(machine: Machine) -> dict[str, Any]:
    """The roles of the host that run a container, with their settings."""
    return dict(containers.stacks(machine))


@pytest.fixture(scope="session")
def running(host: Host) -> dict[str, Container]:
    return containers.read(host)


@pytest.fixture(scope="session")
def secrets(machine: Machine) -> dict[str, str]:
    """Every secret of one line in the store: keys and passwords."""
    store = secret_store.for_data(machine.data)
    values = {name: store.get(name).get_secret_value() for name in store.names()}
    return {name: value for name, value in values.items() if "\n" not in value.strip()}


def own_secrets(stacks: dict[str, Any], project: str) -> set[str]:
    """Names of what a stack may know; nothing for one that is no role's."""
    return set(stacks[project].secrets()) if project in stacks else set()


def test_each_stack_of_the_inventory_runs_and_no_other(
    running: dict[str, Container], stacks: dict[str, Any]
) -> None:
    assert sorted(running) == sorted(stacks)
    health = {project: c.inspected["State"].get("Health") for project, c in running.items()}
    told = {project: found["Status"] for project, found in health.items() if found}
    assert told == dict.fromkeys(told, "healthy")


def test_no_process_of_a_container_has_a_capability(running: dict[str, Container]) -> None:
    found = {project: {p.capabilities for p in c.processes} for project, c in running.items()}
    assert found == {project: {ALLOWED_CAPABILITIES.get(project, 0)} for project in running}


def test_no_process_of_a_container_can_gain_privileges(running: dict[str, Container]) -> None:
    found = {
        project: {(p.no_new_privileges, p.seccomp) for p in c.processes}
        for project, c in running.items()
    }
    assert found == {project: {(True, True)} for project in running}


def test_no_process_of_a_container_is_root(running: dict[str, Container]) -> None:
    found = {project: {p.uid for p in c.processes} for project, c in running.items()}
    assert {project: uids for project, uids in found.items() if not uids or 0 in uids} == {}


def test_no_container_is_privileged_or_shares_what_is_the_hosts(
    running: dict[str, Container],
) -> None:
    found = {
        project: (
            c.limits["Privileged"],
            c.limits["NetworkMode"] == "host",
            c.limits["PidMode"],
            c.limits["IpcMode"],
            c.limits["UTSMode"],
        )
        for project, c in running.items()
    }
    assert found == dict.fromkeys(running, (False, False, "", "private", ""))


def test_no_container_can_write_to_its_image(running: dict[str, Container]) -> None:
    found = {project: c.limits["ReadonlyRootfs"] for project, c in running.items()}
    assert found == dict.fromkeys(running, True)


def test_containers_take_no_more_of_the_host_than_they_were_given(
    running: dict[str, Container], stacks: dict[str, Any]
) -> None:
    found = {
        project: (c.limits["Memory"], c.limits["MemorySwap"]) for project, c in running.items()
    }
    sizes = {project: held.memory_limit_mib * 1024 * 1024 for project, held in stacks.items()}
    assert found == {project: (size, size) for project, size in sizes.items()}
    pids = {project: c.limits["PidsLimit"] or 0 for project, c in running.items()}
    assert {project: limit for project, limit in pids.items() if limit <= 0} == {}


def test_no_container_has_the_engine_or_the_files_of_another(
    running: dict[str, Container],
) -> None:
    found = {project: containers.foreign_mounts(c) for project, c in running.items()}
    assert found == {project: [] for project in running}


def test_containers_are_published_on_the_address_of_the_host_alone(
    running: dict[str, Container], stacks: dict[str, Any], machine: Machine
) -> None:
    found = {project: c.published for project, c in running.items()}
    assert found == {
        project: {(machine.address, port.number) for port in held.ports()}
        for project, held in stacks.items()
    }


def test_containers_run_the_pinned_images(
    running: dict[str, Container], stacks: dict[str, Any], release: Release
) -> None:
    named = {project: c.inspected["Config"]["Image"] for project, c in running.items()}
    pinned = {project: containers.image_of(held, release) for project, held in stacks.items()}
    assert named == pinned
    digests = {
        project: image.partition("@")[2] for project, image in pinned.items() if "@" in image
    }
    found = {
        project: {d.partition("@")[2] for d in running[project].digests} for project in digests
    }
    assert {p: digest for p, digest in digests.items() if digest not in found[p]} == {}


def test_no_secret_is_in_the_definition_of_a_container(
    running: dict[str, Container], secrets: dict[str, str]
) -> None:
    assert secrets
    found = {p: containers.secrets_in(c.definition, secrets) for p, c in running.items()}
    assert found == {project: [] for project in running}


def test_the_environment_of_a_container_has_no_secret_but_its_own(
    running: dict[str, Container], secrets: dict[str, str], stacks: dict[str, Any]
) -> None:
    found = {p: set(containers.secrets_in(c.environment, secrets)) for p, c in running.items()}
    assert {p: names - own_secrets(stacks, p) for p, names in found.items()} == {
        project: set() for project in running
    }


def test_no_secret_is_in_the_command_line_of_a_process(host: Host, secrets: dict[str, str]) -> None:
    lines = host.check_output("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '; true")
    assert "dockerd" in lines
    assert containers.secrets_in(lines, secrets) == []


def test_key_files_of_a_stack_are_its_own_and_closed_to_others(
    host: Host, secrets: dict[str, str], stacks: dict[str, Any]
) -> None:
    found = list(containers.key_files(host, secrets))
    wrong = [
        (path, mode, names)
        for project, path, mode, names in found
        if mode not in ("400", "600") or set(names) - own_secrets(stacks, project)
    ]
    assert bool(found) == bool(stacks)
    assert wrong == []
    listing = f"find {STACKS}/ -mindepth 1 -maxdepth 1 -printf '%f %m %u\\n' 2>/dev/null; true"
    folders = host.check_output(listing).splitlines()
    assert sorted(folders) == sorted(f"{project} 700 root" for project in stacks)
