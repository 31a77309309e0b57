"""Docker's settings: what is refused, and what dockerd is told."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest
from pydantic import ValidationError

from deploys import docker
from deploys.docker import KEY_FINGERPRINT, Docker
from deploys.docker_daemon import content
from deploys.docker_engine import IN_THE_WAY
from deploys.topology import Machine, Topology
from facts.distribution import Linux
from facts.jetson_linux import Release
from facts.sources import Source
from tests.fake_host import run


def test_what_a_container_says_goes_to_the_journal_with_its_project_and_service() -> None:
    daemon = content(Docker())
    assert daemon["log-driver"] == "journald"
    assert daemon["log-opts"] == {
        "tag": "{{.Name}}",
        "labels": "com.docker.compose.project,com.docker.compose.service",
    }


def test_the_pool_is_given_as_base_and_size() -> None:
    settings = Docker(address_pool=IPv4Network("10.9.0.0/16"), network_prefix_bits=26)
    assert content(settings)["default-address-pools"] == [{"base": "10.9.0.0/16", "size": 26}]


def test_a_pool_smaller_than_one_network_is_refused() -> None:
    with pytest.raises(ValidationError) as refused:
        Docker(address_pool=IPv4Network("10.9.0.0/25"), network_prefix_bits=24)
    assert (
        "address_pool 10.9.0.0/25 is smaller than one network of /24; "
        "enlarge it or raise network_prefix_bits" in str(refused.value)
    )


@pytest.mark.parametrize(
    ("linux", "names"),
    [
        (Linux("debian", "13"), ("docker.io", "docker-cli", "docker-compose")),
        (Linux("debian", "14"), ("docker.io", "docker-cli", "docker-compose")),
        (Linux("ubuntu", "22.04"), ("docker.io", "docker-compose-v2")),
        (Linux("ubuntu", "24.10"), ("docker.io", "docker-compose-v2")),
    ],
)
def test_packages_are_those_of_the_distribution(linux: Linux, names: tuple[str, ...]) -> None:
    assert Docker().packages(linux) == names


TRIXIE = Linux("debian", "13", "trixie")
NO_JETSON = {"/etc/nv_tegra_release": ["end"], "disks=": ["root\t/var/lib/docker", "end"]}
NOBLE = Linux("ubuntu", "24.04", "noble")
PLUGINS = ("containerd.io", "docker-buildx-plugin", "docker-compose-plugin")


@pytest.mark.parametrize("linux", [TRIXIE, NOBLE, Linux("debian", "12", "bookworm")])
def test_the_repository_has_the_same_packages_everywhere(linux: Linux) -> None:
    assert Docker(source="docker").packages(linux) == ("docker-ce", "docker-ce-cli", *PLUGINS)


def test_a_version_holds_for_engine_and_client_on_every_distribution() -> None:
    pinned = ("docker-ce=5:29.8.1-*", "docker-ce-cli=5:29.8.1-*")
    assert Docker(source="docker", version="29.8.1").packages(NOBLE) == (*pinned, *PLUGINS)


@pytest.mark.parametrize("linux", [TRIXIE, NOBLE])
def test_the_repository_is_that_of_the_code_name(linux: Linux) -> None:
    uri = f"https://download.docker.com/linux/{linux.name}"
    assert Docker().repository(linux) == Source(
        "docker", uri, linux.codename, ("stable",), f"{uri}/gpg", KEY_FINGERPRINT
    )


def test_a_version_of_the_repository_needs_that_source() -> None:
    with pytest.raises(ValidationError) as refused:
        Docker(source="distribution", version="29.8.1")
    assert (
        "version 29.8.1 is one of Docker's repository, and the distribution has its own; "
        'set source="docker" or take version out' in str(refused.value)
    )


@pytest.mark.parametrize("version", ["29", "29.8", "5:29.8.1-1", "latest"])
def test_a_version_is_three_numbers(version: str) -> None:
    with pytest.raises(ValidationError, match="should match pattern"):
        Docker(source="docker", version=version)


def test_what_one_source_needs_is_never_in_its_own_way() -> None:
    for source in ("distribution", "docker"):
        names = {x for linux in (TRIXIE, NOBLE) for x in Docker(source=source).packages(linux)}
        assert names.isdisjoint(IN_THE_WAY[source])


def test_each_source_is_in_the_way_of_the_other() -> None:
    for linux in (TRIXIE, NOBLE):
        assert set(Docker().packages(linux)) <= set(IN_THE_WAY["docker"])
        assert set(Docker(source="docker").packages(linux)) <= set(IN_THE_WAY["distribution"])


def test_both_engines_look_for_images_in_the_same_place() -> None:
    assert content(Docker())["features"]["containerd-snapshotter"] is False


def test_the_runtime_of_the_container_toolkit_is_there_for_who_has_it() -> None:
    assert "runtimes" not in content(Docker())
    runtime = {"path": "nvidia-container-runtime", "args": []}
    assert content(Docker(), nvidia=True)["runtimes"] == {"nvidia": runtime}


def test_the_default_is_the_distribution_and_a_version_means_the_repository() -> None:
    none = Release()
    assert Docker().on(none).source == "distribution"
    assert Docker(version="29.8.1").on(none).source == "docker"
    assert Docker(source="docker").on(none).version == ""


def test_a_jetson_of_jetpack_6_gets_the_last_engine_that_its_kernel_can_use() -> None:
    old, new = Release(36, "4.3"), Release(39, "2")
    assert Docker().on(old) == Docker(source="docker", version="27.5.1")
    assert Docker(version="26.1.4").on(old) == Docker(source="docker", version="26.1.4")
    assert Docker(source="distribution").on(old) == Docker(source="distribution")
    assert Docker().on(new) == Docker(source="distribution")


def test_a_data_root_is_told_to_dockerd_where_it_is_not_its_own() -> None:
    assert content(Docker(), data_root="/mnt/nvme/docker")["data-root"] == "/mnt/nvme/docker"
    assert "data-root" not in content(Docker(), data_root="/var/lib/docker")


@pytest.mark.parametrize("path", ["docker", "/mnt/my disk", '/a"b'])
def test_a_data_root_is_a_plain_absolute_path(path: str) -> None:
    with pytest.raises(ValidationError, match="should match pattern"):
        Docker(data_root=path)


@pytest.mark.parametrize(
    ("release", "said"),
    [
        ("ID=debian\nVERSION_ID=12", "debian 12"),
        ("ID=ubuntu\nVERSION_ID=20.04", "ubuntu 20.04"),
        ("ID=fedora\nVERSION_ID=43", "fedora 43"),
        ("ID=arch", "arch of no version"),
    ],
)
def test_a_distribution_without_the_plugin_fails_that_host_alone(
    release: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    data = {"docker": Docker(), "ssh_hostname": "192.0.2.1", "domain": "example.home.arpa"}
    outcome = run(docker.install, {"os-release": release, **NO_JETSON}, data)
    assert not outcome.succeeded
    assert not any("apt" in command for command in outcome.commands)
    assert f"{said} has no packages of Docker with the Compose plugin; install" in caplog.text


@pytest.mark.parametrize(
    ("release", "said"),
    [
        ("ID=debian\nVERSION_ID=11\nVERSION_CODENAME=bullseye", "debian 11"),
        ("ID=debian\nVERSION_ID=13", "debian 13"),
        ("ID=fedora\nVERSION_ID=43", "fedora 43"),
    ],
)
def test_a_distribution_that_the_repository_lacks_fails_that_host_alone(
    release: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    data = {"docker": Docker(source="docker"), "ssh_hostname": "192.0.2.1"}
    outcome = run(docker.install, {"os-release": release, **NO_JETSON}, data)
    assert not outcome.succeeded
    assert not any("apt" in command for command in outcome.commands)
    assert (
        f"{said} is not in Docker's repository; install debian 12 or ubuntu 22.04 or newer, "
        "or take the host out of `docker`" in caplog.text
    )


def test_a_host_with_an_address_of_the_pool_is_a_conflict() -> None:
    pool = Docker(address_pool=IPv4Network("10.9.0.0/16"))
    inside, outside = _machine("10.9.1.1"), _machine("10.8.1.1")
    (conflict,) = pool.conflicts(outside, Topology((outside, inside), ()))
    assert conflict.what == (
        "one has the address 10.9.1.1, which lies in the address_pool 10.9.0.0/16"
    )
    assert pool.conflicts(outside, Topology((outside,), ())) == ()


def _machine(address: str) -> Machine:
    return Machine("one", address, (), {}, {})
