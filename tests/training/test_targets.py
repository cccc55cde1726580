"""Targets: the maps' known values, goals that keep to their range, directions of length 1, and the signs of a controlled rating."""

import numpy as np
import pytest

from idiolect.errors import MethodError, RequestError
from idiolect.training.targets import MAPS, RATINGS, above, ahead, controlled, direction, goals, grades, rated, reach, targets

LOW, HIGH = np.array([-4.0, -4.0]), np.array([4.0, 4.0])
GOLDEN = [  # worked out from the paper's formulas on the range -4 to 4
    ((0.5, 0.5), "l2", (1.7, 1.7)),
    ((0.5, 0.5), "linf", (4.0, 4.0)),
    ((0.5, 0.5), "linear", (0.0, 0.0)),
    ((0.8, 0.2), "l2", (3.8, -2.1)),
    ((0.8, 0.2), "linf", (4.0, -0.8)),
    ((0.8, 0.2), "linear", (2.4, -2.4)),
]


@pytest.mark.parametrize(("weights", "by", "wanted"), GOLDEN)
def test_a_map_gives_the_papers_scores(weights, by, wanted):
    assert targets(np.array(weights), LOW, HIGH, by).tolist() == pytest.approx(wanted)


@pytest.mark.parametrize("by", MAPS)
def test_all_weight_on_one_asks_for_all_of_it_and_the_least_of_the_others(by):
    assert targets(np.array([0.0, 1.0]), LOW, np.array([4.0, 2.0]), by).tolist() == [-4.0, 2.0]


def test_scores_have_one_decimal_and_no_negative_zero():
    made = targets(np.array([0.5, 0.5]), np.array([-1.04, -3.0]), np.array([1.0, 3.0]), "linear")
    assert made.tolist() == [0.0, 0.0] and not np.signbit(made).any()


def test_a_map_that_is_not_there_is_refused_by_name():
    with pytest.raises(MethodError, match="no map 'l3' .* l2, linf, linear"):
        targets(np.array([1.0]), LOW, HIGH, "l3")


def test_of_a_goal_all_but_one_objective_are_at_their_best():
    made = goals(200, np.array([-1.0, 0.0, 2.0]), np.array([1.0, 5.0, 3.0]), np.random.default_rng(0))
    at_best = made == np.array([1.0, 5.0, 3.0])
    assert (at_best.sum(axis=1) >= 2).all() and np.allclose(made, np.round(made, 1))
    assert (made >= [-1.0, 0.0, 2.0]).all() and (made <= [1.0, 5.0, 3.0]).all()
    assert (~at_best).any(axis=0).all(), "each objective is the one that is not raised, at times"


def test_a_goal_of_one_objective_is_not_always_its_best():
    assert len(np.unique(goals(50, np.array([0.0]), np.array([4.0]), np.random.default_rng(1)))) > 10


def test_the_reach_leaves_out_the_far_ends_and_is_nothing_for_no_answers():
    rewards = np.arange(101.0)[:, None]
    assert [end.tolist() for end in reach(rewards, 0.05)] == [[5.0], [95.0]]
    assert [end.tolist() for end in reach(np.zeros((0, 2)))] == [[0.0, 0.0], [0.0, 0.0]]


def test_a_direction_has_length_one_and_only_its_direction():
    assert np.linalg.norm(direction(np.array([0.3, 0.7]))) == pytest.approx(1.0)
    assert direction(np.array([3.0, -4.0])).tolist() == pytest.approx([0.6, -0.8])
    assert np.allclose(direction(np.array([0.3, 0.7])), direction(np.array([30.0, 70.0])))
    with pytest.raises(RequestError, match="no direction"):
        direction(np.zeros(2))


def test_an_answer_is_above_the_quantile_if_any_of_its_scores_is():
    rewards = np.array([[9.0, 0.0], [0.0, 9.0], [1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    assert above(rewards, 0.7).tolist() == [True, True, False, False, True]  # bounds 2.8 and 2.8; "all" would keep the last one alone
    assert above(np.ones((4, 2)), 0.7).tolist() == [False] * 4 and above(np.zeros((0, 2)), 0.7).shape == (0,)


def test_an_answer_is_ahead_of_those_below_it_and_of_half_of_its_equals():
    assert ahead(np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0], [2.0, 5.0]])).tolist() == [
        [0.125, 0.5],
        [0.5, 0.5],
        [0.875, 0.5],
        [0.5, 0.5],
    ]
    assert ahead(np.zeros((0, 2))).shape == (0, 2)


def test_as_many_answers_get_each_rating():
    rewards = np.random.default_rng(0).normal(size=(1000, 2)) * [1.0, 9.0]
    made = rated(rewards, grades(rewards))
    assert all((made[:, place] == rating).sum() == 200 for place in (0, 1) for rating in range(1, RATINGS + 1))
    assert (np.argsort(made[:, 1], kind="stable") == np.argsort(rated(rewards * 2, grades(rewards * 2))[:, 1], kind="stable")).all()
    assert rated(np.zeros((0, 2)), grades(np.zeros((0, 2)))).shape == (0, 2)


def test_the_paper_prefers_the_rating_that_was_asked_for_where_the_released_code_reverses_the_order():
    ratings, wanted = np.array([[5.0], [3.0], [1.0]]), np.array([5.0])
    assert controlled(ratings, wanted).ravel().tolist() == [0.0, -2.0, -4.0]
    released = -np.abs(ratings) - wanted  # the parenthesis stands one word too early there
    assert released.ravel().tolist() == [-10.0, -8.0, -6.0]
    assert np.argmax(controlled(ratings, wanted)) != np.argmax(released)


def test_what_is_wanted_is_worth_most_and_either_side_of_it_alike():
    made = controlled(np.array([[1], [2], [3], [4], [5]]), np.array([3.0]), strength=0.5).ravel()
    assert made.tolist() == [-1.0, -0.5, 0.0, -0.5, -1.0]


def test_without_a_target_the_rating_is_worth_itself():
    ratings = np.array([[2, 4], [5, 1]])
    free = controlled(ratings, np.array([np.nan, np.nan]))
    assert (free == ratings).all() and free.sum(axis=1).tolist() == ratings.sum(axis=1).tolist()
    assert controlled(ratings, np.array([np.nan, 4.0])).tolist() == [[2.0, 0.0], [5.0, -3.0]]
