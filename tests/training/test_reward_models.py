"""Heads over features against closed forms, and what pairs, masks and contexts can and cannot teach."""

import numpy as np
import pytest

from idiolect.errors import DataError
from idiolect.evaluation.preferences import accuracy
from idiolect.training.reward_models import (
    GRID,
    RewardModel,
    bradley_terry,
    classifier,
    factored,
    features,
    held,
    logistic,
    ridge,
)

CHANCE = np.random.default_rng(0)
SEEN = CHANCE.normal(size=(60, 5))
TASTE = np.array([2.0, -1.0, 0.5, 0.0, 1.0])


def pairs_by(taste, count=60, seed=1):
    """Pairs of random answers, the better of which is worth more by `taste`."""
    one, other = np.random.default_rng(seed).normal(size=(2, count, len(taste)))
    ahead = ((one - other) @ taste > 0)[:, None]
    return np.where(ahead, one, other), np.where(ahead, other, one)


@pytest.mark.parametrize("count", [3, 60])  # through the matrix of rows, and through that of features
def test_at_the_head_that_is_found_the_loss_has_no_slope(count):
    better, worse = pairs_by(TASTE, count)
    head = bradley_terry(better, worse, hold=0.7, start=TASTE)
    rows = better - worse
    slope = 0.7 * (head - TASTE) - rows.T @ (1 / (1 + np.exp(rows @ head)))
    assert np.abs(slope).max() < 1e-4


def test_the_taste_that_made_the_pairs_is_found():
    head = bradley_terry(*pairs_by(TASTE, 400), hold=0.1)
    assert head @ TASTE / np.linalg.norm(head) / np.linalg.norm(TASTE) > 0.99


def test_pairs_turned_round_turn_the_head_round():
    better, worse = pairs_by(TASTE)
    assert bradley_terry(worse, better) == pytest.approx(-bradley_terry(better, worse), abs=1e-5)


def test_both_halves_of_each_pair_teach_nothing_and_half_of_them_is_told_right():
    better, worse = pairs_by(TASTE)
    head = bradley_terry(np.concatenate([better, worse]), np.concatenate([worse, better]))
    assert head == pytest.approx(np.zeros(5), abs=1e-9)
    any_ = RewardModel(CHANCE.normal(size=(5, 1)))
    both = np.concatenate([any_.ahead(better, worse), any_.ahead(worse, better)])
    assert (both > 0).mean() == 0.5


def test_a_person_without_pairs_has_everybodys_head_and_a_firm_hold_keeps_it():
    none = np.zeros((0, 5))
    assert np.array_equal(bradley_terry(none, none, start=TASTE), TASTE)
    assert bradley_terry(*pairs_by(-TASTE), hold=1e9, start=TASTE) == pytest.approx(TASTE, abs=1e-6)


def test_a_row_counted_twice_is_a_row_given_twice_and_a_shift_is_a_weight_that_is_known():
    rows = SEEN[:10]
    counted = logistic(rows, 1.0, counts=np.array([2.0] + [1.0] * 9))
    assert counted == pytest.approx(logistic(np.concatenate([rows[:1], rows]), 1.0), abs=1e-5)
    known = logistic(rows, 1.0, start=TASTE)
    assert TASTE + logistic(rows, 1.0, shifts=rows @ TASTE) == pytest.approx(known, abs=1e-4)


def test_a_hold_of_nothing_is_refused():
    with pytest.raises(DataError, match="above 0"):
        logistic(SEEN, 0.0)


def test_good_and_bad_answers_are_told_apart_with_a_bias():
    seen = np.column_stack([SEEN, np.ones(len(SEEN))])
    good = (SEEN @ TASTE > 1.0).astype(float)
    head = classifier(seen, good, hold=0.01)
    assert (((seen @ head) > 0) == good).all() and head[-1] < 0


def test_each_head_of_a_ridge_is_the_closed_form_on_the_rows_that_have_its_label():
    labels = SEEN @ CHANCE.normal(size=(5, 3)) + CHANCE.normal(size=(60, 3))
    labels[CHANCE.random((60, 3)) < 0.4] = np.nan
    made = ridge(SEEN, labels, 2.0)
    for head in range(3):
        there = ~np.isnan(labels[:, head])
        x, y = SEEN[there], labels[there, head]
        assert made[:, head] == pytest.approx(np.linalg.inv(x.T @ x + 2.0 * np.eye(5)) @ x.T @ y)


def test_another_heads_missing_labels_change_nothing_and_a_head_without_labels_is_0():
    labels = SEEN @ CHANCE.normal(size=(5, 2))
    alone = ridge(SEEN, labels[:, :1], 1.0)[:, 0]
    labels[:, 1] = np.nan
    made = ridge(SEEN, labels, np.array([1.0, 5.0]))
    assert made[:, 0] == pytest.approx(alone) and not made[:, 1].any()


def test_the_hold_is_that_which_foretells_what_is_left_out():
    labels = np.column_stack([SEEN @ TASTE, CHANCE.normal(size=60), np.full(60, np.nan)])
    chosen = held(SEEN, labels, GRID)
    assert chosen[0] == min(GRID) and chosen[1] > 1.0 and chosen[2] == max(GRID)
    hold = 3.0
    left_out = [SEEN[i] @ ridge(np.delete(SEEN, i, 0), np.delete(labels[:, 1:2], i, 0), hold)[:, 0] - labels[i, 1] for i in range(60)]
    worse = [SEEN[i] @ ridge(np.delete(SEEN, i, 0), np.delete(labels[:, 1:2], i, 0), 0.1)[:, 0] - labels[i, 1] for i in range(60)]
    better = hold if np.square(left_out).sum() < np.square(worse).sum() else 0.1
    assert held(SEEN, labels[:, 1:2], (0.1, hold))[0] == better


def test_ratings_of_one_pattern_are_foretold_where_they_are_missing():
    whole = np.outer(CHANCE.normal(size=30), CHANCE.normal(size=12))
    given = np.where(CHANCE.random(whole.shape) < 0.7, whole, np.nan)
    about, heads = factored(given, rank=1, hold=0.01)
    hidden = np.isnan(given)
    assert np.corrcoef((about @ heads)[hidden], whole[hidden])[0, 1] > 0.99


def test_features_see_the_answer_and_how_it_meets_the_question_and_never_the_question_alone():
    one, other = features(["foxes", "dogs"], ["of foxes", "of foxes"])
    assert not np.array_equal(one, other)
    blank = features(["foxes", "dogs"], ["", ""])
    assert np.array_equal(blank[0], blank[1])


def test_without_a_context_what_meets_the_context_is_0_and_the_rest_is_as_without_contexts():
    bare, empty = features(["of foxes?"], ["they sleep"])[0], features(["of foxes?"], ["they sleep"], contexts=[""])[0]
    told = features(["of foxes?"], ["they sleep"], contexts=["I like sleep"])[0]
    assert np.array_equal(empty[: len(bare)], bare) and not empty[len(bare) :].any()
    assert np.array_equal(told[: len(bare)], bare) and told[len(bare) :].any()


def test_no_answers_have_as_many_features_as_some():
    assert features([], []).shape == (0, features(["q"], ["a"]).shape[1])


def test_with_an_oracle_for_context_reversed_pairs_are_all_told_right_and_without_it_half():
    short, long = "Yes.", "Yes, and here is at length everything that may be said about it, and then some more of that."
    asked = ["Is it so?"] * 4
    better, worse, wished = [short, long] * 2, [long, short] * 2, ["be brief", "tell everything"] * 2
    with_context = [features(asked, side, contexts=wished) for side in (better, worse)]
    head = bradley_terry(*with_context, hold=0.1)
    assert ((with_context[0] - with_context[1]) @ head > 0).all()
    without = [features(asked, side, contexts=[""] * 4) for side in (better, worse)]
    margins = (without[0] - without[1]) @ head
    assert margins.all() and accuracy(margins) == 0.5


def test_a_model_comes_back_from_its_arrays_with_how_it_was_normalised():
    model = RewardModel(CHANCE.normal(size=(5, 2))).normalised("zscore", SEEN)
    again = RewardModel.from_arrays(model.as_arrays())
    assert np.array_equal(again.scores(SEEN), model.scores(SEEN))
    assert np.array_equal(again.normalisation.least(again.scores(SEEN)), model.normalisation.least(model.scores(SEEN)))
