"""P-RLHF: who is unknown is generic, a person's prompt is the generic one and their own, and nothing of a person is shared."""

import numpy as np
import pytest

from idiolect.alignment.p_rlhf import PRLHF
from idiolect.types import Record, State, User, ask
from tests.conformance.people import ANN, BOB, NOBODY

SMALL = {"rank": 2, "length": 3, "answer_tokens": 4, "newest": 4, "shared_pairs": 8, "k": 0}
FOX, DOG = "the fox sleeps", "a dog runs on"


def choosing(name, taken, left):
    return User(name, [Record(f"Question {i}?", f"{taken} {i}", i, "", "choice", f"{left} {i}") for i in range(4)])


@pytest.fixture(scope="module", params=[0, 2])
def method(request, shared_llama):
    made = PRLHF(**SMALL, clusters=request.param)
    made.fit([ANN, BOB], shared_llama.lm)
    return made


def test_somebody_unknown_and_somebody_without_records_are_the_generic_user(method, llama):
    nobody = method.enroll([NOBODY], llama.lm)[0]
    bent = method.personalize(State(), ask("q"), llama.lm)
    assert bent == method.personalize(nobody, ask("q"), llama.lm) and bent.prefix.vectors.shape == (3, 32)


def test_a_prompt_is_the_generic_users_and_the_persons_own_added(method, llama):
    state = method.enroll([ANN], llama.lm)[0]
    bent = method.personalize(state, ask("q"), llama.lm)
    arrays = method.shared.arrays
    if method.clusters:
        powers = np.exp(arrays["generic"] + state.arrays["own"])
        wanted = np.tensordot(powers / powers.sum(), arrays["clusters"], 1)
    else:
        wanted = arrays["generic"] + state.arrays["own"]
    assert bent.prefix.vectors == pytest.approx(wanted, abs=1e-5) and list(bent.adapters) == [(method.shared.adapter, 1.0)]
    assert np.abs(state.arrays["own"]).max() > 1e-3


def test_what_is_shared_holds_no_persons_own_numbers_and_no_persons_text(method):
    assert set(method.shared.arrays) <= {"generic", "clusters"} and not method.shared.people and not method.shared.records


def test_before_everybody_taught_questions_are_told_records_and_nothing_is_bent(llama):
    method = PRLHF(**{**SMALL, "k": 1})
    bent = method.personalize(method.enroll([ANN], llama.lm)[0], ask("On foxes?"), llama.lm)
    assert "Wrote: " in bent.messages[0].content and not bent.needs


def test_people_of_opposite_tastes_get_opposite_margins_and_swapped_they_swap(llama):
    ann, bob = choosing("ann", FOX, DOG), choosing("bob", DOG, FOX)
    method = PRLHF(**{**SMALL, "rank": 4, "lr": 2e-2, "epochs": 20, "own_lr": 5e-2, "own_epochs": 15})
    method.fit([ann, bob], llama.lm)
    states = method.enroll([ann, bob], llama.lm)
    margins = []
    for state in states:
        bent = [method.personalize(state, ask(record.prompt), llama.lm) for record in ann.records]
        sides = [[s.nats for s in llama.lm.score(bent, [getattr(r, side) for r in ann.records])] for side in ("answer", "other")]
        margins.append(np.mean(sides[0]) - np.mean(sides[1]))
    assert margins[0] > margins[1] + 1
    swapped = method.enroll([User("ann", bob.records), User("bob", ann.records)], llama.lm)
    assert np.allclose(swapped[0].arrays["own"], states[1].arrays["own"], atol=1e-4)


def test_without_vectors_there_is_the_adapter_alone(llama):
    method = PRLHF(**{**SMALL, "length": 0})
    method.fit([ANN], llama.lm)
    bent = method.personalize(method.enroll([ANN], llama.lm)[0], ask("q"), llama.lm)
    assert bent.needs == {"adapters"}
