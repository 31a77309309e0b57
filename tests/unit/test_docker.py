"""Docker's settings: what is refused, and what dockerd is told."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest
from pydantic import ValidationError

from deploys import docker
from deploys.docker import Docker, package_names
from deploys.topology import Machine, Topology
from facts.distribution import Linux
from tests.fake_host import run


def test_log_options_are_strings_as_dockerd_wants_them() -> None:
    options = Docker(log_file_mib=20, log_files=5).daemon()["log-opts"]
    assert options == {"max-size": "20m", "max-file": "5"}


def test_the_pool_is_given_as_base_and_size() -> None:
    settings = Docker(address_pool=IPv4Network("10.9.0.0/16"), network_prefix_bits=26)
    assert settings.daemon()["default-address-pools"] == [{"base": "10.9.0.0/16", "size": 26}]


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
    assert package_names(linux) == names


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
    outcome = run(docker.install, {"os-release": release}, data)
    assert not outcome.succeeded
    assert outcome.commands == ["cat /etc/os-release"]
    assert f"{said} has no packages of Docker with the Compose plugin; install" in caplog.text


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
