"""IA3: what is kept of a person is a number a channel, over an adapter that everybody taught."""

import pytest

from idiolect.adaptation.ia3 import IA3
from idiolect.types import ask
from tests.conformance.people import ANN, BOB, NOBODY

SMALL = {"k": 0, "task_rank": 2, "lr": 3e-2, "epochs": 6, "shared_pairs": 6}


@pytest.fixture(scope="module")
def fitted(shared_llama):
    method = IA3(**SMALL)
    method.fit([ANN, BOB], shared_llama.lm)
    return method


def nats(lm, request, user):
    return sum(score.nats for score in lm.score([request] * len(user.records), [record.answer for record in user.records]))


def test_a_person_is_a_number_a_channel(llama, fitted):
    state = fitted.enroll([ANN], llama.lm)[0]
    assert all(vector.ndim == 1 for vector in state.arrays.values()) and state.adapter is None
    assert {place.rpartition("|")[2] for place in state.arrays} == {"out", "in"}


def test_the_request_carries_the_task_and_the_persons_own(llama, fitted):
    request = fitted.personalize(fitted.enroll([ANN], llama.lm)[0], ask("Of foxes?"), llama.lm)
    assert [adapter.name for adapter, _ in request.adapters] == ["task", "own"]


def test_what_a_person_wrote_becomes_likelier_under_their_own_than_under_anothers(llama, fitted):
    ann, bob = fitted.enroll([ANN, BOB], llama.lm)
    asked = ask(ANN.records[2].prompt)
    own, other = (nats(llama.lm, fitted.personalize(state, asked, llama.lm), ANN) for state in (ann, bob))
    assert own > other


def test_somebody_without_records_gets_the_task_alone(llama, fitted):
    state = fitted.enroll([NOBODY], llama.lm)[0]
    assert [adapter.name for adapter, _ in fitted.personalize(state, ask("Of foxes?"), llama.lm).adapters] == ["task"]
