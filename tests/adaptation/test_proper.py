"""PROPER: three stages, each over those before it; newcomers; and what each stage sees."""

import numpy as np
import pytest

from idiolect.adaptation import proper
from idiolect.adaptation.proper import PROPER
from idiolect.errors import MethodError
from idiolect.types import State, ask
from tests.conformance.people import ANN, BOB, CYD, NOBODY, marks

SMALL = {"rank": 2, "groups": 3, "expert_rank": 1, "own_rank": 2, "epochs": 2, "newest": 4, "shared_pairs": 8}


@pytest.fixture(scope="module")
def fitted(shared_llama):
    method = PROPER(**SMALL)
    method.fit([ANN, BOB, CYD], shared_llama.lm)
    return method


def test_each_stage_is_trained_over_those_before_it(llama, monkeypatch):
    groups, own, real = [], [], (proper.experts, proper.beside)
    monkeypatch.setattr(proper, "experts", lambda lm, given, *a, **o: groups.append(given) or real[0](lm, given, *a, **o))
    monkeypatch.setattr(proper, "beside", lambda lm, jobs, mixtures, **o: own.append((jobs, mixtures)) or real[1](lm, jobs, mixtures, **o))
    method = PROPER(**SMALL)
    method.fit([ANN, BOB, CYD], llama.lm)
    state = method.enroll([ANN], llama.lm)[0]
    task = method.shared.adapter
    assert all(request.adapters == ((task, 1.0),) for request, _ in groups[0])
    (jobs, mixtures) = own[0]
    assert all(request.adapters == ((task, 1.0),) for request, _ in jobs[0]) and len(mixtures) == 1
    assert {name for _, answer in jobs[0] for name, _ in marks(answer)} == {"ann"}
    used = method.personalize(state, ask("Of foxes?"), llama.lm).adapters
    assert used == ((task, 1.0), (mixtures[0], state.arrays["shares"][0]), (state.adapter, state.arrays["shares"][1]))


def test_a_persons_groups_add_up_to_one_and_are_found_from_what_they_wrote(llama, fitted):
    ann, bob = fitted.enroll([ANN, BOB], llama.lm)
    assert ann.arrays["groups"].shape == (3,) and np.isclose(ann.arrays["groups"].sum(), 1)
    assert not np.allclose(ann.arrays["groups"], bob.arrays["groups"], atol=1e-6)


def test_who_has_written_nothing_is_in_all_groups_alike_with_an_adapter_of_nothing(llama, fitted):
    nobody = fitted.enroll([NOBODY], llama.lm)[0]
    assert np.allclose(nobody.arrays["groups"], 1 / 3) and not any(b.any() for _, b in nobody.adapter.modules.values())
    assert nobody.arrays["shares"].tolist() == [1.0, 1.0]


def test_the_ladder_nests(llama, fitted):
    """Without the person's part it is the group model, without the groups' the shared one."""
    ann = fitted.enroll([ANN], llama.lm)[0]
    bare = fitted.personalize(State(records=ANN.records), ask("Of foxes?"), llama.lm)
    assert bare.adapters == ((fitted.shared.adapter, 1.0),)
    empty = State(adapter=fitted.enroll([NOBODY], llama.lm)[0].adapter, records=ANN.records, arrays=ann.arrays)
    grouped = fitted.personalize(empty, ask("Of foxes?"), llama.lm)
    rest = bare.bent(adapters=dict(grouped.adapters[1:2]))
    scores = llama.lm.score([grouped, rest], [ANN.records[0].answer] * 2)
    assert scores[0].nats == pytest.approx(scores[1].nats, abs=1e-4)


def test_what_all_share_names_and_quotes_nobody(fitted):
    assert not fitted.shared.records and not fitted.shared.text
    assert set(fitted.shared.arrays) == {"mean", "spread", "router"} and len(fitted.shared.parts) == 1


def test_a_state_without_the_groups_it_was_learnt_with_is_refused(llama, fitted):
    state = fitted.enroll([ANN], llama.lm)[0]
    with pytest.raises(MethodError, match="no groups"):
        PROPER(**SMALL).personalize(state, ask("Of foxes?"), llama.lm)
    assert PROPER(**SMALL).enroll([ANN], llama.lm)[0].adapter is None
