"""Rewards made comparable: what is refused, what is stored, and MaxMin-RLHF's two ways to be worst off."""

import numpy as np
import pytest

from idiolect.errors import MethodError
from idiolect.training.normalisation import HOWS, Normalisation

TWO = np.array([[3.0, 0.0], [0.0, 2.0]])  # two answers, two models
RAW = np.random.default_rng(0).normal(2.0, 3.0, (50, 3)) + np.array([0.0, 40.0, -7.0])


@pytest.mark.parametrize("aggregate", ["least", "greatest"])
def test_a_least_or_greatest_of_rewards_that_are_not_normalised_is_refused(aggregate):
    with pytest.raises(MethodError, match="lower or higher zero"):
        getattr(Normalisation(), aggregate)(TWO)


def test_of_one_model_alone_nothing_need_be_comparable():
    assert Normalisation().least(TWO[:, :1]).tolist() == [3.0, 0.0]


@pytest.mark.parametrize("how", [how for how in HOWS if how != "none"])
def test_a_shift_of_one_model_changes_nothing_once_rewards_are_normalised(how):
    shifted = RAW + np.array([0.0, 100.0, 0.0])
    plain, moved = Normalisation.fitted(how, RAW), Normalisation.fitted(how, shifted)
    assert np.allclose(plain.least(RAW), moved.least(shifted)) and np.allclose(plain.greatest(RAW), moved.greatest(shifted))


def test_z_scores_have_mean_0_and_spread_1_and_a_model_without_spread_is_not_stretched():
    flat = np.column_stack([RAW, np.full(len(RAW), 5.0)])
    made = Normalisation.fitted("zscore", flat).of(flat)
    assert np.allclose(made.mean(axis=0), 0) and np.allclose(made.std(axis=0), [1, 1, 1, 0])


def test_against_an_equal_answer_the_chance_to_win_is_a_half_and_a_shift_of_both_leaves_it():
    normal = Normalisation.fitted("winprob", RAW)
    assert np.allclose(normal.of(RAW, against=RAW), 0.5)
    assert np.allclose(normal.of(RAW + 9, against=RAW[0] + 9), normal.of(RAW, against=RAW[0]))
    assert normal.of(np.array([[np.log(3.0), 0.0, 0.0]]), against=np.zeros(3))[0, 0] == pytest.approx(0.75)


def test_the_mean_of_the_least_is_0_where_the_least_of_the_means_is_1():
    as_they_are = Normalisation("center", np.zeros(2), np.ones(2))
    assert as_they_are.worst(TWO, "sample") == 0.0
    assert as_they_are.worst(TWO, "group") == 1.0
    assert as_they_are.worst_off(TWO) == 1
    with pytest.raises(MethodError, match="'group' or by 'sample'"):
        as_they_are.worst(TWO, "median")


def test_what_was_done_is_kept_with_the_numbers_and_comes_back():
    for how in HOWS:
        normal = Normalisation.fitted(how, RAW)
        again = Normalisation.from_arrays(normal.as_arrays())
        assert again.how == how and np.array_equal(again.of(RAW), normal.of(RAW))


def test_an_unknown_way_is_refused_and_one_that_was_never_fitted_too():
    with pytest.raises(MethodError, match="normalised by 'rank'"):
        Normalisation("rank")
    with pytest.raises(MethodError, match=r"Normalisation\.fitted"):
        Normalisation("zscore").of(TWO)


def test_with_no_answers_to_fit_on_nothing_is_moved():
    assert np.array_equal(Normalisation.fitted("zscore", np.zeros((0, 2))).of(TWO), TWO)
