"""MORLHF as a method: a policy for each weight vector, the nearest of which answers, each better by its own weights than the model."""

import numpy as np
import pytest

from idiolect.alignment.morlhf import MORLHF
from idiolect.data.sample import sample
from idiolect.models.local import load
from idiolect.training.rewards import Scale, counted
from idiolect.training.specialized import kept
from idiolect.types import State, ask
from tests.conformance.people import EVERYBODY

QUESTION = ask("Write a title on foxes:", max_tokens=8)
SMALL = {"rank": 2, "newest": 2, "drawn": 3, "asked": 4, "answer_tokens": 4, "steps": 2, "questions": 2, "group": 2, "between": 2}


@pytest.fixture(scope="module")
def bundled():
    """The bundled model, and two people of the bundled sample."""
    return load("tiny"), sample()[:2]


def test_weights_are_answered_by_the_nearest_policy(llama):
    method = MORLHF()
    method.shared = kept(Scale(np.zeros(2), np.ones(2)), [llama.adapter(seed) for seed in range(5)])
    for brief, nearest in ((0.0, 0), (0.1, 0), (0.2, 1), (0.55, 2), (0.99, 4)):
        made = method.personalize(State(), QUESTION.weighing({"brief": brief, "thorough": 1 - brief}), llama.lm)
        assert made.adapters == ((llama.adapter(nearest), 1.0),)


def test_there_is_a_policy_for_every_vector_and_each_is_another(llama):
    method = MORLHF(**SMALL)
    method.fit(EVERYBODY, llama.lm)
    made = [part.adapter for part in method.shared.parts]
    assert [one.name for one in made] == ["morlhf 0/1", "morlhf 0.5/0.5", "morlhf 1/0"] and len(set(made)) == 3


def test_before_it_was_fitted_a_request_stays_as_it_is(llama):
    assert MORLHF().personalize(State(), QUESTION, llama.lm) == QUESTION


def test_on_the_bundled_model_the_policy_for_brevity_is_better_by_its_own_weights(bundled):
    lm, users = bundled
    method = MORLHF(between=1, steps=5, questions=4, group=4, lr=2e-2, asked=8, drawn=2, answer_tokens=10)
    method.fit(users, lm)
    asked = [ask(record.prompt, temperature=1.0, max_tokens=10, seed=7 * i) for user in users for i, record in enumerate(user.records[-8:])]

    def brevity(requests):
        return counted(("brief",), [one.question for one in requests], [reply.text for reply in lm.generate(requests)]).mean()

    bent = [method.personalize(State(), one.weighing({"brief": 1.0}), lm) for one in asked]
    assert brevity(bent) > brevity(asked) + 0.3
