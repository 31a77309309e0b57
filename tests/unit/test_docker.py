"""Docker's settings: what is refused, and what dockerd is told."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest
from pydantic import ValidationError
from pyinfra.api.exceptions import DeployError

from deploys.docker import Docker, package_names
from facts.distribution import Linux


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
    assert package_names("jetson", linux) == names


@pytest.mark.parametrize(
    ("linux", "said"),
    [
        (Linux("debian", "12"), "debian 12"),
        (Linux("ubuntu", "20.04"), "ubuntu 20.04"),
        (Linux("fedora", "43"), "fedora 43"),
        (Linux("arch", ""), "arch of no version"),
        (Linux("debian", ""), "debian of no version"),
    ],
)
def test_a_distribution_without_the_plugin_is_refused(linux: Linux, said: str) -> None:
    with pytest.raises(DeployError) as refused:
        package_names("jetson", linux)
    assert str(refused.value) == (
        f"jetson runs {said}, whose packages have no Docker with Compose plugin; "
        "install debian 13, ubuntu 22.04 or newer"
    )
