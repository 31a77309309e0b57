"""Quantiles are times that were observed, and the median's interval is that of order statistics."""

from __future__ import annotations

import random

import pytest

from benchmarks.quantiles import Times, median_interval, quantile

HUNDRED = [float(number) for number in range(1, 101)]


@pytest.mark.parametrize(
    ("share", "value"), [(0.5, 50), (0.9, 90), (0.95, 95), (0.99, 99), (1.0, 100), (0.0, 1)]
)
def test_a_quantile_is_the_smallest_that_as_many_do_not_exceed(share: float, value: int) -> None:
    assert quantile(HUNDRED, share) == value


def test_between_two_the_larger_one_is_taken_and_none_is_made_up() -> None:
    assert quantile([1.0, 2.0, 10.0], 0.95) == 10.0
    assert quantile([1.0, 2.0, 10.0], 0.50) == 2.0


def test_one_value_is_every_quantile() -> None:
    assert Times.of([3.0], 0) == Times(1, 0, *[3.0] * 9)


def test_the_order_of_the_samples_is_no_matter() -> None:
    shuffled = random.Random(7).sample(HUNDRED, 100)
    assert Times.of(shuffled, 2) == Times.of(HUNDRED, 2)


def test_times_hold_all_that_was_asked_for() -> None:
    times = Times.of(HUNDRED, 4)
    assert times
    assert (times.answers, times.errors, times.mean) == (100, 4, 50.5)
    assert (times.min, times.p50, times.p90, times.p95) == (1, 50, 90, 95)
    assert (times.p99, times.max) == (99, 100)
    # n = 100: ranks 40 and 61 (Conover, Practical Nonparametric Statistics, 3.2).
    assert (times.low, times.high) == (40, 61)


def test_without_an_answer_there_are_no_times() -> None:
    assert Times.of([], 1000) is None


def test_the_interval_holds_the_median_about_as_often_as_it_says() -> None:
    source = random.Random(1)
    held = 0
    for _ in range(400):
        low, high = median_interval(sorted(source.expovariate(1) for _ in range(200)))
        held += low <= 0.6931 <= high
    assert 0.93 <= held / 400 <= 0.98
