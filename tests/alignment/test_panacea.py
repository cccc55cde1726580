"""Panacea as a method: one adapter for every weight, the base where nothing was learnt, and a person's own weights in it."""

import numpy as np

from idiolect.alignment.panacea import Panacea
from idiolect.models.algebra import delta, mixture
from idiolect.types import State, ask
from tests.conformance.people import ANN, EVERYBODY

QUESTION = ask("Write a title on foxes:", max_tokens=8)
SMALL = {
    "objectives": ("brief", "simple"),
    "rank": 3,
    "newest": 2,
    "drawn": 3,
    "asked": 6,
    "answer_tokens": 4,
    "steps": 4,
    "questions": 2,
    "vectors": 2,
}
WEIGHTS = [{"brief": share, "simple": 1 - share} for share in (0.0, 0.5, 1.0)]


def fitted(llama, **settings):
    made = Panacea(**{**SMALL, **settings})
    made.fit(EVERYBODY, llama.lm)
    return made


def changes(method, weights):
    whole = mixture(method.personalize(State(), QUESTION.weighing(weights), None).adapters)
    return {path: delta(whole, path) for path in whole.modules}


def test_without_a_step_it_is_the_model_for_all_weights(llama):
    method = fitted(llama, asked=0)
    assert not any(change.any() for weights in WEIGHTS for change in changes(method, weights).values())


def test_what_it_changes_lies_in_the_middle_at_the_middle_of_two_weights(llama):
    method = fitted(llama)
    first, middle, last = (changes(method, weights) for weights in WEIGHTS)
    for path in middle:
        assert np.allclose(middle[path], (first[path] + last[path]) / 2, atol=1e-6)
        assert np.linalg.matrix_rank(middle[path], tol=1e-8) <= 3 + 2
    assert any(not np.allclose(first[path], last[path], atol=1e-7) for path in middle)


def test_a_weight_of_zero_leaves_its_slot_out(llama):
    made = fitted(llama).personalize(State(), QUESTION.weighing({"brief": 1.0}), llama.lm)
    assert [adapter.name for adapter, _ in made.adapters] == ["panacea", "panacea slot 1"]


def test_the_two_aggregations_learn_different_things_from_the_same_draws(llama):
    one, other = fitted(llama), fitted(llama, aggregation="tchebycheff")
    assert [part.adapter for part in one.shared.parts] != [part.adapter for part in other.shared.parts]


def test_a_persons_weights_are_read_from_their_records_and_a_requests_own_win(llama):
    method = fitted(llama)
    state = method.enroll([ANN], llama.lm)[0]
    assert set(state.numbers) == {"brief", "simple"} and abs(sum(state.numbers.values()) - 1) < 1e-9
    own, asked = method.personalize(state, QUESTION, llama.lm), method.personalize(state, QUESTION.weighing(WEIGHTS[1]), llama.lm)
    assert dict(asked.adapters) == dict(method.personalize(State(), QUESTION, llama.lm).adapters)
    assert {round(share, 6) for _, share in own.adapters[1:]} == {round(value, 6) for value in state.numbers.values()}
