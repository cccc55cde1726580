"""A choice learnt from what each option was worth: memorized sets, ties, the temperature, and what teaches nothing."""

import numpy as np
import pytest

from idiolect.training.choosing import chooser, chosen
from idiolect.training.reranking import log_softmax

CHANCE = np.random.default_rng(0)
SEEN = [CHANCE.normal(size=(5, 40)) for _ in range(6)]  # six questions, five options, forty features: enough to tell them apart
BEST = [0, 3, 1, 4, 2, 3]
ONE_HOT = [np.eye(5)[place] for place in BEST]


def test_of_a_set_that_can_be_memorized_the_best_option_is_chosen_for_each_question():
    weights = chooser(SEEN, ONE_HOT, temperature=0.1)
    assert [chosen(weights, seen) for seen in SEEN] == BEST


def test_choosing_by_an_oracle_gives_the_greatest_worth_of_every_row():
    worth = CHANCE.random((7, 5))
    assert [row[chosen(np.ones(1), row[:, None])] for row in worth] == worth.max(axis=1).tolist()


def test_the_temperature_changes_what_is_learnt_and_not_only_the_size_of_the_loss():
    one_way = [np.eye(2)] * 3  # two options that differ in name alone
    for temperature in (0.2, 0.5, 2.0):
        weights = chooser(one_way, [np.array([1.0, 0.5])] * 3, temperature, steps=800, hold=0.0)
        meant = log_softmax(np.array([1.0, 0.5]) / temperature, np.ones(2, bool))
        assert weights[0] - weights[1] == pytest.approx(meant[0] - meant[1], abs=0.02)


def test_options_that_were_worth_the_same_teach_nothing():
    taught = chooser(SEEN[:2], ONE_HOT[:2], 0.1)
    assert np.array_equal(taught, chooser(SEEN[:3], [*ONE_HOT[:2], np.full(5, 0.7)], 0.1))
    assert not chooser(SEEN, [np.ones(5)] * 6, 0.1).any() and chooser([], [], 0.1).shape == (0,)


def test_of_equal_options_the_first_is_chosen():
    assert chosen(np.zeros(40), SEEN[0]) == 0
