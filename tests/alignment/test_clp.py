"""CLP as a method: weights drawn for every question, corners alone where alpha is 0, and parts that follow their own objectives."""

import numpy as np

from idiolect.alignment.clp import CLP
from idiolect.types import State, ask
from tests.conformance.people import EVERYBODY

QUESTION = ask("Write a title on foxes:", max_tokens=8)
SMALL = {"rank": 2, "newest": 2, "drawn": 3, "asked": 4, "answer_tokens": 4, "steps": 2, "questions": 3, "group": 2}


def test_every_question_of_a_step_has_weights_of_its_own_and_a_step_draws_them_anew():
    method = CLP(**SMALL)
    first, again, second = method._wanted(0), method._wanted(0), method._wanted(1)
    assert first.shape == (1, 3, 2) and np.array_equal(first, again) and not np.array_equal(first, second)
    assert len(np.unique(first[0], axis=0)) == 3 and np.allclose(first.sum(axis=2), 1)


def test_at_an_alpha_of_zero_only_corners_are_trained_as_in_rewarded_soups():
    assert set(np.unique(CLP(**SMALL, alpha=0.0)._wanted(0))) == {0.0, 1.0}


def test_a_request_carries_the_shared_part_and_each_objectives_in_its_weight(llama):
    method = CLP(**SMALL)
    method.fit(EVERYBODY, llama.lm)
    made = method.personalize(State(), QUESTION.weighing({"brief": 0.2, "thorough": 0.8}), llama.lm)
    assert [(adapter.name, share) for adapter, share in made.adapters] == [("clp", 1.0), ("clp objective 1", 0.2), ("clp objective 2", 0.8)]
    alone = method.personalize(State(), QUESTION.weighing({"thorough": 2.0}), llama.lm)
    assert [adapter.name for adapter, _ in alone.adapters] == ["clp", "clp objective 2"]


def test_before_it_was_fitted_a_request_stays_as_it_is(llama):
    assert CLP().personalize(State(), QUESTION, llama.lm) == QUESTION
