"""LoRA-XS: what is kept of a person is a square a module, over an adapter that everybody taught."""

import numpy as np
import pytest

from idiolect.adaptation.lora_xs import LoRAXS
from idiolect.store.states import dump
from idiolect.training.xs import joined
from idiolect.types import ask
from tests.conformance.people import ANN, BOB, NOBODY

SMALL = {"k": 0, "rank": 4, "task_rank": 2, "lr": 3e-2, "epochs": 6, "shared_pairs": 6}


@pytest.fixture(scope="module")
def fitted(shared_llama):
    method = LoRAXS(**SMALL)
    method.fit([ANN, BOB], shared_llama.lm)
    return method


def nats(lm, request, user):
    return sum(score.nats for score in lm.score([request] * len(user.records), [record.answer for record in user.records]))


def test_a_person_is_rank_times_rank_numbers_a_module(llama, fitted):
    state = fitted.enroll([ANN], llama.lm)[0]
    assert set(state.arrays) == set(llama.lm.linear_paths(["q_proj", "v_proj"]))
    assert all(matrix.shape == (4, 4) and matrix.any() for matrix in state.arrays.values()) and state.adapter is None
    kept = len(dump(type(state)(arrays=state.arrays)))
    assert kept < len(dump(type(state)(adapter=joined(fitted.shared.arrays, state.arrays))))


def test_the_request_carries_the_task_and_the_persons_own_between_the_fixed_factors(llama, fitted):
    state = fitted.enroll([ANN], llama.lm)[0]
    (task, whole), (own, share) = fitted.personalize(state, ask("Of foxes?"), llama.lm).adapters
    assert task == fitted.shared.adapter and whole == share == 1.0
    for path, matrix in state.arrays.items():
        a, b = own.modules[path]
        fixed = fitted.shared.arrays
        assert np.allclose(b @ a, fixed[f"{path}|B"] @ matrix @ fixed[f"{path}|A"], atol=1e-5)


def test_what_a_person_wrote_becomes_likelier_under_their_own_than_under_anothers(llama, fitted):
    ann, bob = fitted.enroll([ANN, BOB], llama.lm)
    asked = ask(ANN.records[2].prompt)
    own, other = (nats(llama.lm, fitted.personalize(state, asked, llama.lm), ANN) for state in (ann, bob))
    assert own > other + 0.5


def test_somebody_without_records_gets_the_task_alone(llama, fitted):
    state = fitted.enroll([NOBODY], llama.lm)[0]
    bent, task = fitted.personalize(state, ask("Of foxes?"), llama.lm), ask("Of foxes?").bent(adapters={fitted.shared.adapter: 1.0})
    assert nats(llama.lm, bent, ANN) == pytest.approx(nats(llama.lm, task, ANN), abs=1e-4)


def test_without_what_everybody_teaches_the_factors_are_those_of_the_model(llama, fitted):
    method = LoRAXS(**SMALL)
    state = method.enroll([ANN], llama.lm)[0]
    ((own, share),) = method.personalize(state, ask("Of foxes?"), llama.lm).adapters
    path = next(iter(state.arrays))
    assert share == 1.0 and np.allclose(own.modules[path][1], fitted.shared.arrays[f"{path}|B"], atol=1e-5)
