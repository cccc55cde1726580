"""Intervals: they cover, they pair, and they are the same every time."""

import numpy as np

from idiolect.evaluation.intervals import Draws, Interval
from idiolect.types import Floats


def mean(parts: Floats) -> Floats:
    return parts[..., 0]


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    drawn = np.random.default_rng(1)
    draws = Draws(40, seed=0, draws=1_000)
    covered = 0
    for _ in range(300):
        interval = draws.interval(drawn.normal(3.0, 1.0, (40, 1)), mean)
        assert interval.low is not None and interval.high is not None
        covered += interval.low <= 3.0 <= interval.high
    assert 0.90 <= covered / 300 <= 0.98


def test_a_paired_difference_is_far_narrower_than_what_people_differ_by() -> None:
    people = np.random.default_rng(2).normal(0, 10, (60, 1))
    draws = Draws(60)
    gain = draws.difference(people - 0.5, people, mean)
    assert gain.value == np.float64(-0.5) or abs(gain.value + 0.5) < 1e-9
    assert gain.clear and abs((gain.high or 0) - (gain.low or 0)) < 1e-9
    own = draws.interval(people, mean)
    assert own.high is not None and own.low is not None and own.high - own.low > 2


def test_the_same_seed_draws_the_same_people_and_another_seed_others() -> None:
    parts = np.random.default_rng(3).normal(size=(20, 1))
    assert Draws(20, 5).interval(parts, mean) == Draws(20, 5).interval(parts, mean)
    assert Draws(20, 5).interval(parts, mean) != Draws(20, 6).interval(parts, mean)


def test_one_person_gives_a_figure_without_an_interval() -> None:
    alone = Draws(1).interval(np.array([[2.0]]), mean)
    assert alone == Interval(2.0) and not alone.clear


def test_an_interval_that_touches_zero_is_not_clear() -> None:
    assert not Interval(1.0, 0.0, 2.0).clear
    assert Interval(1.0, 0.1, 2.0).clear and Interval(-1.0, -2.0, -0.1).clear
