"""PLoRA: newcomers, whose records a vector sees, and that people differ by a constant alone."""

import numpy as np
import pytest

from idiolect.adaptation.plora import PLoRA
from idiolect.types import ask
from tests.conformance.people import ANN, BOB, CYD, NOBODY, marks, rewritten, text_of
from tests.tiny_models import Watched

SMALL = {"rank": 2, "size": 4, "epochs": 2, "own_epochs": 2, "newest": 4, "shared_pairs": 6}
PEOPLE = [ANN, BOB, CYD, NOBODY]


@pytest.fixture(scope="module")
def fitted(shared_llama):
    method = PLoRA(**SMALL)
    method.fit([ANN, BOB, CYD], shared_llama.lm)
    return method


def test_a_newcomer_has_the_shared_adapter_and_nothing_else(llama, fitted):
    state = fitted.enroll([NOBODY], llama.lm)[0]
    bent = fitted.personalize(state, ask("Of foxes?"), llama.lm)
    assert bent.adapters == ((fitted.shared.adapter, 1.0),) and not bent.steering and not state.arrays["own"].any()


def test_two_people_differ_by_one_vector_after_each_block_at_all_positions(llama, fitted):
    ann, bob = fitted.enroll([ANN, BOB], llama.lm)
    one, two = (PLoRA(**SMALL | {"k": 0}), PLoRA(**SMALL | {"k": 0}))
    one.shared = two.shared = fitted.shared
    first, second = one.personalize(ann, ask("Of foxes?"), llama.lm), two.personalize(bob, ask("Of foxes?"), llama.lm)
    assert first.adapters == second.adapters and first.messages == second.messages
    apart = fitted.shared.arrays["maps"] @ (ann.arrays["own"] - bob.arrays["own"])
    for layer, (mine, theirs) in enumerate(zip(first.steering, second.steering, strict=True)):
        assert mine.scope == "all" and mine.layer == theirs.layer == layer
        assert np.allclose(mine.vector - theirs.vector, apart[layer], atol=1e-6) and np.abs(apart[layer]).max() > 1e-5


def test_a_persons_vector_sees_that_persons_records_and_no_others(llama, fitted):
    watched = Watched(llama.lm)
    method = PLoRA(**SMALL)
    method.shared = fitted.shared
    method.enroll([ANN], watched)
    seen = {name for request, answer in watched.seen for name, _ in marks(text_of(request) + (answer or ""))}
    assert seen == {"ann"}
    with_other = method.enroll([rewritten(ANN), BOB], llama.lm)[1]
    assert np.allclose(with_other.arrays["own"], method.enroll([BOB], llama.lm)[0].arrays["own"], atol=1e-5)


def test_a_person_is_a_few_numbers(llama, fitted):
    state = fitted.enroll([ANN], llama.lm)[0]
    assert state.arrays["own"].shape == (4,) and state.adapter is None and state.arrays["own"].any()


def test_what_all_share_names_and_quotes_nobody(fitted):
    assert not fitted.shared.records and not fitted.shared.text and set(fitted.shared.arrays) == {"maps"}
