"""Compass search: it finds the bottom of a bowl, stays within bounds, and many searches do not disturb one another."""

import numpy as np

from idiolect.training.search import compass

GOALS = [np.array([0.3, 1.1]), np.array([1.5, 0.0]), np.array([0.9, 0.2])]


def bowls(asked):
    return [float((point - GOALS[search]) ** 2 @ np.array([1.0, 3.0])) for search, point in asked]


def test_it_finds_the_lowest_point_of_each_bowl():
    found = compass(bowls, [[np.zeros(2)]] * 3, step=0.5, rounds=40, bounds=(0.0, 2.0))
    assert all(np.abs(point - goal).max() < 0.02 for point, goal in zip(found, GOALS, strict=True))


def test_a_search_finds_the_same_in_company_as_alone():
    together = compass(bowls, [[np.zeros(2)], [np.ones(2)], [np.zeros(2)]], step=0.4, rounds=5, bounds=(0.0, 2.0))
    alone = compass(lambda asked: bowls([(2, point) for _, point in asked]), [[np.zeros(2)]], step=0.4, rounds=5, bounds=(0.0, 2.0))
    assert np.array_equal(together[2], alone[0])


def test_no_point_outside_the_bounds_is_ever_asked():
    seen = []
    found = compass(lambda asked: seen.extend(asked) or bowls(asked), [[np.full(2, 0.5)]], step=0.4, rounds=9, bounds=(0.4, 0.8))
    assert all(0.4 <= value <= 0.8 for _, point in seen for value in point)
    assert np.allclose(found[0], [0.4, 0.8], atol=0.01)


def test_it_begins_at_the_best_of_the_starts_and_stays_where_nothing_is_better():
    starts = [[np.zeros(2), GOALS[0], np.ones(2)]]
    assert np.array_equal(compass(bowls, starts, step=0.4, rounds=0, bounds=(0.0, 2.0))[0], GOALS[0])
    assert np.array_equal(compass(bowls, starts, step=0.4, rounds=6, bounds=(0.0, 2.0))[0], GOALS[0])


def test_a_gain_as_small_as_rounding_moves_nothing():
    found = compass(lambda asked: [-1e-6 * float(point.sum()) for _, point in asked], [[np.zeros(3)]], step=0.4, rounds=4, bounds=(0, 1))
    assert not found[0].any()


def test_one_call_serves_all_searches_of_a_round_and_no_axes_ask_nothing():
    calls = []
    found = compass(lambda asked: calls.append(len(asked)) or bowls(asked), [[np.zeros(2)], []], step=0.1, rounds=3, bounds=(-1.0, 2.0))
    assert calls == [1, 4, 4, 4] and found[1].shape == (0,)
