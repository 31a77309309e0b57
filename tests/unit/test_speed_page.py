"""docs/speed.md states what the newest recorded result says, and ratios are what they claim."""

from __future__ import annotations

from dataclasses import replace

from benchmarks import speed_page
from benchmarks.pairs import Comparison
from benchmarks.result import GatewayResult, Result


def test_the_page_is_what_the_newest_result_generates() -> None:
    written = speed_page.DOCUMENT.read_text(encoding="utf-8")

    assert written == speed_page.page(Result.newest(), GatewayResult.newest()), (
        "docs/speed.md is old; run `make bench`"
    )


def test_another_result_generates_another_page() -> None:
    result = Result.newest()
    slower = tuple(
        replace(c, pairs=tuple((first * 2, second) for first, second in c.pairs))
        for c in result.comparisons
    )

    gateway = GatewayResult.newest()
    other = speed_page.page(replace(result, comparisons=slower), gateway)
    assert other != speed_page.page(result, gateway)


def test_another_result_of_the_gateway_generates_another_page() -> None:
    result, gateway = Result.newest(), GatewayResult.newest()
    other = speed_page.page(result, replace(gateway, comparisons=gateway.comparisons[:1]))
    assert other != speed_page.page(result, gateway)


def test_the_gateway_is_compared_over_a_hundred_requests_and_more() -> None:
    pairs = {c.what: len(c.pairs) for c in GatewayResult.newest().comparisons}
    assert {what for what, number in pairs.items() if number >= 100} >= {
        "The first token through the gateway",
        "The time from token to token through the gateway",
    }


def test_a_ratio_is_the_median_of_the_pairs_own_ratios() -> None:
    # The machine was twice as slow during the last pair, which changes no ratio.
    comparison = Comparison("this", "that", ((6.0, 2.0), (8.0, 2.0), (20.0, 4.0)))

    assert comparison.ratios == (3.0, 4.0, 5.0)
    assert comparison.ratio == 4.0
