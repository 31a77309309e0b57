"""Tests of every llama-server; the file of its role has them by importing them."""

from __future__ import annotations

import pytest

from tests.verify.llama_server import Server


@pytest.mark.parametrize("path", ["/metrics", "/props", "/slots", "/v1/models"])
def test_nobody_else_sees_what_it_does(server: Server, path: str) -> None:
    assert server.ask(path, key=False)[0] == 401
