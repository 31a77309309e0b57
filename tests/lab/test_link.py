"""The link's measurement, end to end: from the desktop to the board's server, and its page."""

from __future__ import annotations

import pytest

from benchmarks import link, link_page, link_picture
from benchmarks.link_result import KINDS, LinkResult
from lab.checkout import ROOT
from tests.lab.conftest import INVENTORY, shell

DESKTOP, BOARD = "schlimers-server", "jetson"
LEFT = "find ~ai-idp -type f -newermt '-60 seconds'; pgrep -f '^python3 -$' || :"


@pytest.fixture(scope="module")
def result() -> LinkResult:
    return link.measured(ROOT / INVENTORY, 1000, 50, link.HIDDEN_SIZE)


@pytest.mark.parametrize("kind", KINDS)
def test_a_thousand_requests_of_each_kind_are_answered(result: LinkResult, kind: str) -> None:
    assert (result.source, result.target, result.server) == (DESKTOP, BOARD, "edge")
    times = result.times("LAN", kind)
    assert times
    assert (times.answers, times.errors) == (1000, 0)


def test_the_kept_connection_is_kept(result: LinkResult) -> None:
    (lan,) = (way for way in result.ways if way.name == "LAN")
    # llama-server ends one after a hundred requests.
    assert 0 < lan.connections < 100


def test_a_usb_link_that_is_not_there_is_told(result: LinkResult) -> None:
    assert "| path USB | 192.168.55.1: not there" in link_page.page(result)


def test_the_page_and_its_picture_say_that_they_are_of_the_lab(result: LinkResult) -> None:
    assert "**LAB.**" in link_page.page(result)
    assert "LAB" in link_picture.draw(result)


@pytest.mark.usefixtures("result")
def test_nothing_stays_on_the_desktop() -> None:
    assert shell(DESKTOP, LEFT) == ""
