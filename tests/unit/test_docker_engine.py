"""Docker's engine on a Jetson: which version its kernel can use, and what is refused."""

from __future__ import annotations

import pytest

from deploys.docker_engine import no_toolkit, too_new, version_after
from facts.jetson_linux import Release
from facts.packages import Packages

OLD = Release(36, "4.3")


@pytest.mark.parametrize("version", ["27.5.1", "5:27.5.1-1~ubuntu.22.04~jammy", "26.1.5+dfsg1-9"])
def test_an_engine_before_28_is_no_problem(version: str) -> None:
    assert too_new("docker", version, OLD) == ""


@pytest.mark.parametrize("release", [Release(), Release(39, "2")])
def test_other_kernels_have_the_table(release: Release) -> None:
    assert too_new("docker", "29.8.1", release) == ""


def test_a_chosen_version_from_28_on_is_refused_with_the_way_out() -> None:
    assert too_new("docker", "28.0.0", OLD) == (
        "the kernel of Jetson Linux r36.4.3 has no raw table of iptables, and Docker publishes no "
        "port without it from 28 on (moby/moby#49557): version 28.0.0 would not work; take version "
        "out of the host's settings in group_data/docker.py or inventory.py, and it gets 27.5.1, "
        "which does"
    )


def test_the_distribution_s_from_28_on_is_refused_with_the_way_out() -> None:
    assert too_new("distribution", "29.1.3-0ubuntu3~22.04.2", OLD) == (
        "the kernel of Jetson Linux r36.4.3 has no raw table of iptables, and Docker publishes no "
        "port without it from 28 on (moby/moby#49557): the distribution's docker.io "
        "29.1.3-0ubuntu3~22.04.2 would not work; take source out of the host's settings in "
        "group_data/docker.py or inventory.py, and it gets 27.5.1, which does"
    )


def test_what_apt_will_install_counts_before_what_is_there() -> None:
    found = Packages(installed={"docker.io": "27"}, will_install={"docker.io": "29"})
    assert version_after("docker.io", found) == "29"
    assert version_after("docker.io", Packages(installed={"docker.io": "27"})) == "27"
    assert version_after("docker.io", Packages()) == ""


@pytest.mark.parametrize(
    ("release", "suite"),
    [(OLD, "r36.4"), (Release(36, "5.0"), "r36.5"), (Release(39, "2"), "r39.2")],
)
def test_a_board_without_the_source_is_told_its_line(release: Release, suite: str) -> None:
    assert no_toolkit(release) == (
        "apt knows no source of nvidia-container-toolkit, without which no container sees the GPU; "
        f"have `deb https://repo.download.nvidia.com/jetson/common {suite} main` in "
        "/etc/apt/sources.list.d/nvidia-l4t-apt-source.list, as NVIDIA's image has it (package "
        "nvidia-l4t-apt-source)"
    )
