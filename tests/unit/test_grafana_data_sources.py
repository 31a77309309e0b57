"""Grafana's data sources: where they are asked."""

from __future__ import annotations

import pytest

from deploys.grafana_data_sources import url
from deploys.topology import Machine


@pytest.mark.parametrize(
    ("address", "expected"),
    [("192.0.2.1", "http://192.0.2.1:9090"), ("2001:db8::1", "http://[2001:db8::1]:9090")],
)
def test_an_address_of_either_kind_makes_a_url(address: str, expected: str) -> None:
    assert url(Machine("one", address, (), {}, {}), 9090) == expected
