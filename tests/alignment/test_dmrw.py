"""DMRW: whose policy answers which weights, and rewards that lean to the style that an answer is furthest from."""

import numpy as np
import pytest

from idiolect.alignment.dmrw import DMRW
from idiolect.training.rewards import Scale
from idiolect.training.specialized import kept
from idiolect.types import State, ask
from tests.conformance.people import EVERYBODY

QUESTION = ask("Write a title on foxes:", max_tokens=8)
SMALL = {"rank": 2, "newest": 2, "drawn": 3, "asked": 4, "answer_tokens": 4, "steps": 2, "questions": 2, "group": 2}
HEADS = np.eye(2)  # an answer's two features are its log-odds
BOTH = np.ones((1, 2))


def reward(odds, wanted=BOTH, answer="word " * 12, **settings):
    seen = np.atleast_2d(odds).astype(float)
    return DMRW(**settings)._rewards(
        HEADS, seen, [answer] * len(seen), np.repeat(wanted, len(seen), axis=0) if len(wanted) == 1 else wanted
    )


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_the_reward_is_the_log_odds_in_the_shares_of_the_gradients():
    first, second = 1 - sigmoid(2.0), 1 - sigmoid(-1.0)  # |p - 1|; the features' length is one for both heads
    wanted = (first * 2.0 + second * -1.0) / (first + second)
    assert reward([2.0, -1.0]) == pytest.approx([wanted]) and wanted < 0.5 * (2.0 - 1.0)  # below the static mean: the worse one weighs more


def test_a_single_style_has_the_whole_weight_and_the_other_is_not_heard():
    assert reward([2.0, -4.0], np.array([[1.0, 0.0]])) == pytest.approx([2.0])
    assert reward([2.0, -4.0], np.array([[0.0, 1.0]])) == pytest.approx([-4.0])


def test_a_reward_stays_within_its_bound():
    assert reward([25.0, 25.0]) == pytest.approx([5.0]) and reward([-25.0, -25.0]) == pytest.approx([-5.0])


def test_the_released_reward_is_shaped_over_three_and_short_answers_get_nothing_good():
    odds = np.array([np.log(0.9 / 0.1), np.log(0.2 / 0.8)])
    both = np.vstack([odds, odds])  # every style is its own greatest, so that all weights are 1
    wanted = (5 * 0.9 - 5 * 0.8) / 3
    assert reward(both, strict=True) == pytest.approx([wanted, wanted])
    assert reward(both, answer="few words", strict=True) == pytest.approx([0.0, 0.0])
    assert reward(-both, answer="few words", strict=True)[0] == pytest.approx((-5 * 0.9 + 5 * 0.8) / 3)  # what is bad stays


def test_weights_are_answered_by_the_policy_of_those_that_weigh_enough(llama):
    method = DMRW()
    method.shared = kept(Scale(np.zeros(2), np.ones(2)), [llama.adapter(seed) for seed in range(3)])
    for brief, place in ((0.0, 1), (0.3, 1), (0.5, 2), (0.7, 0), (1.0, 0)):
        made = method.personalize(State(), QUESTION.weighing({"brief": brief, "thorough": 1 - brief}), llama.lm)
        assert made.adapters == ((llama.adapter(place), 1.0),)


def test_there_is_a_policy_for_every_combination(llama):
    method = DMRW(objectives=("brief", "thorough", "simple"), **SMALL)
    method.fit(EVERYBODY, llama.lm)
    names = [part.adapter.name for part in method.shared.parts]
    assert names == [
        "brief", "thorough", "simple", "brief+thorough", "brief+simple", "thorough+simple", "brief+thorough+simple"
    ]  # fmt: skip


def test_before_it_was_fitted_a_request_stays_as_it_is(llama):
    assert DMRW().personalize(State(), QUESTION, llama.lm) == QUESTION
