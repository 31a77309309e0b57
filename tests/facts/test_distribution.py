"""The fact about the distribution, on what real systems have in /etc/os-release."""

from __future__ import annotations

import pytest
from pyinfra.api.exceptions import FactProcessError

from facts.distribution import Distribution, Linux

DEBIAN = ['PRETTY_NAME="Debian GNU/Linux 13 (trixie)"', 'VERSION_ID="13"', "ID=debian"]
DEBIAN += ["VERSION_CODENAME=trixie"]
UBUNTU = ['NAME="Ubuntu"', 'VERSION_ID="22.04"', "ID=ubuntu", "ID_LIKE=debian"]


@pytest.mark.parametrize(
    ("output", "linux"),
    [(DEBIAN, Linux("debian", "13", "trixie")), (UBUNTU, Linux("ubuntu", "22.04"))],
)
def test_name_and_version_are_read(output: list[str], linux: Linux) -> None:
    assert Distribution().process(output) == linux


def test_a_rolling_distribution_has_no_version() -> None:
    assert Distribution().process(["ID=arch"]) == Linux("arch", "")


def test_a_file_without_an_id_is_unreadable() -> None:
    with pytest.raises(FactProcessError, match="has no ID"):
        Distribution().process(["NAME=x"])
