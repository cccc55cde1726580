"""MaxMin-RLHF: whose reward decides, by the paper and by its code, and what is refused."""

import numpy as np
import pytest

from idiolect.alignment.maxmin_rlhf import MaxMinRLHF
from idiolect.errors import MethodError
from idiolect.training.normalisation import Normalisation
from idiolect.training.reward_models import RewardModel
from idiolect.types import Reply, State
from tests.alignment.tastes import ASKED, BRIEF, CANDIDATES, PEOPLE, THOROUGH, candidates
from tests.conformance.people import NOBODY

TWO = RewardModel(np.eye(2), Normalisation("center", np.zeros(2), np.ones(2)))  # what is seen is what each of two groups gives


def fitted(people=PEOPLE, **options):
    method = MaxMinRLHF(drawn=2, hold=0.3, **options)
    method.fit(people, candidates())
    return method


def said(method, user):
    lm = candidates()
    reply = method.personalize(method.enroll([user], lm)[0], ASKED, lm)
    assert isinstance(reply, Reply)
    return reply


def test_the_group_that_is_worst_off_on_average_decides_or_the_answer_whose_least_is_greatest():
    seen = np.array([[5.0, 0.0], [2.0, 1.0], [1.5, 1.2], [0.0, 1.4]])
    by_group, by_sample = (MaxMinRLHF(aggregate=name).worth(State(), TWO, seen) for name in ("group", "sample"))
    assert by_group.argmax() == 3 and by_sample.argmax() == 2


def test_with_one_group_both_are_the_plain_best_of():
    seen = np.random.default_rng(0).normal(size=(6, 1))
    one = RewardModel(np.eye(1)).normalised("zscore", seen)
    assert len({int(MaxMinRLHF(aggregate=name).worth(State(), one, seen).argmax()) for name in ("group", "sample", "own")}) == 1


def test_rewards_that_are_not_normalised_are_refused():
    with pytest.raises(MethodError, match="not normalised"):
        said(fitted(normalised="none"), BRIEF)


def test_in_ones_own_group_each_gets_their_own_answer_and_without_comparisons_the_worst_off_decide():
    method = fitted(aggregate="own")
    assert said(method, BRIEF).text == CANDIDATES[1] and said(method, THOROUGH).text == CANDIDATES[2]
    assert said(method, NOBODY).text in CANDIDATES


def test_as_in_the_paper_everybody_gets_the_same():
    method = fitted()
    assert said(method, BRIEF).text == said(method, THOROUGH).text == said(method, NOBODY).text
    assert said(method, BRIEF).calls == 3


def test_a_minority_is_heard_where_one_reward_would_be_the_majoritys():
    people = [user for user in PEOPLE if user.records[0].answer == BRIEF.records[0].answer] + [THOROUGH]
    heads = fitted(people).shared.arrays["weights"]
    assert heads.shape[1] == 2 and heads[:, 0] @ heads[:, 1] < 0


def test_a_choice_counts_at_once_and_untaught_it_changes_nothing():
    method, lm = fitted(), candidates()
    state = method.observe(State(), BRIEF, list(BRIEF.records), lm)
    assert np.array_equal(state.arrays["fits"], method.enroll([BRIEF], lm)[0].arrays["fits"]) and not lm.requests
    assert MaxMinRLHF().personalize(State(), ASKED, lm) == ASKED


def test_an_aggregate_that_does_not_exist_is_refused():
    with pytest.raises(MethodError, match="group, sample, own"):
        MaxMinRLHF(aggregate="median").worth(State(), TWO, np.eye(2))
