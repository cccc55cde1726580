"""Attributes: what is counted, that bins keep the order and themselves, and that a text which aims at its own bins succeeds."""

import numpy as np
import pytest

from idiolect.errors import DataError
from idiolect.training.attributes import ATTRIBUTES, binned, bins, measured, middle, sides, success, tenths

TEXTS = [f"{'Yes! ' * (n % 3)}{'word ' * n}{'Longer, sentences. ' * (n % 5)}{n}" for n in range(60)]
VALUES = measured(TEXTS)
BOUNDS = tenths(VALUES)


def of(name, text):
    return measured([text])[0][ATTRIBUTES.index(name)]


def test_what_is_counted_is_what_stands_there():
    text = "We saw 3 Owls, didn't we? Yes.\nThey were beautiful!"
    assert of("words", text) == 10 and of("sentences", text) == 3 and of("words in a sentence", text) == 10 / 3
    assert of("line breaks", text) == 1 and of("commas in a sentence", text) == pytest.approx(1 / 3)
    assert of("! and ? in a sentence", text) == pytest.approx(2 / 3)
    assert of("words of 7 letters and more", text) == pytest.approx(1 / 10)
    assert of("I, we, you (English)", text) == pytest.approx(2 / 10)
    assert of("later words with a capital", text) == pytest.approx(3 / 9)
    assert of("texts that end with punctuation", text) == 1 and of("digits", text) == pytest.approx(1 / len(text))


def test_a_text_of_nothing_counts_nothing_but_one_sentence():
    values = measured([" \n "])[0]
    assert values.sum() == values[ATTRIBUTES.index("sentences")] == 1
    assert measured([]).shape == (0, len(ATTRIBUTES))


def test_binning_keeps_the_order_and_a_bins_own_bound_lies_in_it():
    for column, own in zip(VALUES.T, bins(BOUNDS)):
        places = [np.searchsorted(own, value, side="right") - 1 for value in np.sort(column)]
        assert places == sorted(places)
    found = np.array([binned(row, BOUNDS) for row in VALUES])
    lower = np.array([[own[place] for own, place in zip(bins(BOUNDS), row)] for row in found])
    assert np.array_equal(found, np.array([binned(row, BOUNDS) for row in lower]))


def test_bins_are_the_different_tenths_of_the_crowd():
    column = np.tile(np.arange(100.0)[:, None], (1, len(ATTRIBUTES)))
    assert np.allclose(bins(tenths(column))[0], np.percentile(np.arange(100.0), range(0, 100, 10)))
    assert len(bins(tenths(np.ones_like(column)))[0]) == 1


def test_a_bin_that_most_of_the_crowd_shares_is_nearer_to_the_middle_than_a_rare_one():
    column = np.tile(np.array([0.0] * 85 + [1.0] * 15)[:, None], (1, len(ATTRIBUTES)))
    low, high = (sides(np.full(len(ATTRIBUTES), value), tenths(column))[0] for value in (0.0, 1.0))
    assert low == pytest.approx(-0.1) and high == pytest.approx(0.9)


def test_below_what_was_ever_seen_is_the_first_bin():
    assert not binned(np.full(len(ATTRIBUTES), -1.0), BOUNDS).any()


def test_one_text_quite_unlike_the_others_does_not_move_a_persons_mean():
    values = np.tile(np.arange(1.0, 9.0)[:, None], (1, len(ATTRIBUTES)))
    assert np.allclose(middle(np.vstack([values, np.full((1, len(ATTRIBUTES)), 500.0)])), middle(values))


def test_a_persons_own_texts_reach_their_own_bins_always():
    own = middle(VALUES[20:40])
    assert success(own, binned(own, BOUNDS), BOUNDS).hard == 1.0


def test_aiming_blindly_is_no_better_than_chance_and_the_next_bin_counts_softly():
    chance = np.random.default_rng(0)
    aimed = [np.array([chance.integers(len(own)) for own in bins(BOUNDS)]) for _ in range(3000)]
    made = [success(VALUES[chance.integers(60)], aim, BOUNDS) for aim in aimed]
    assert abs(np.mean([one.over_chance for one in made])) < 6
    assert all(one.soft >= one.hard for one in made) and np.mean([one.soft for one in made]) > np.mean([one.hard for one in made]) + 0.1


def test_where_nothing_can_be_aimed_at_it_says_so():
    with pytest.raises(DataError, match="no text at all"):
        tenths(measured([]))
    with pytest.raises(DataError, match="nothing can be aimed at"):
        success(VALUES[0], binned(VALUES[0], tenths(VALUES[:1])), tenths(VALUES[:1]))
