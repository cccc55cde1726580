"""FDLoRA: what leaves a person, what stays with them, and which records choose the shares."""

import numpy as np
import pytest

from idiolect.adaptation import fdlora
from idiolect.adaptation.fdlora import FDLoRA
from idiolect.types import State, ask
from tests.conformance.people import ANN, BOB, CYD, NOBODY, marks
from tests.tiny_models import Watched

SMALL = {"rank": 2, "epochs": 2, "rounds": 2, "newest": 6, "searches": 1}


@pytest.fixture(scope="module")
def fitted(shared_llama):
    method = FDLoRA(**SMALL)
    method.fit([ANN, BOB, CYD], shared_llama.lm)
    return method


def test_the_shares_are_chosen_on_records_that_the_adapter_tried_has_not_seen(llama, fitted, monkeypatch):
    jobs, real = [], fdlora.sft
    monkeypatch.setattr(fdlora, "sft", lambda lm, given, **options: jobs.extend(given) or real(lm, given, **options))
    watched = Watched(llama.lm)
    method = FDLoRA(**SMALL)
    method.shared = fitted.shared
    method.enroll([ANN], watched)
    tried, last = [[answer for _, answer in job] for job in jobs]
    assert last == [record.answer for record in ANN.records] and tried == last[:-1]
    scored = {answer for request, answer in watched.seen[len(tried) + len(last) :]}
    assert scored == {ANN.records[-1].answer}


def test_the_shares_are_those_under_which_the_held_records_are_likeliest(llama, fitted, monkeypatch):
    state = fitted.enroll([ANN], llama.lm)[0]
    job = fdlora.pairs(ANN, 1, 6)
    own = fitted._trained(llama.lm, [job[:-1]])[0]

    def nats(shares):
        return llama.lm.score([job[-1][0].bent(adapters=fitted._mixed(np.array(shares), own))], [job[-1][1]])[0].nats

    chosen = nats((state.numbers["common"], state.numbers["own"]))
    assert all(chosen >= nats(start) - 0.01 for start in fdlora.STARTS)


def test_both_adapters_stand_in_their_shares_and_the_own_one_is_the_persons(llama, fitted):
    state = fitted.enroll([ANN], llama.lm)[0]
    held = State(adapter=state.adapter, numbers={"common": 0.75, "own": 0.5})
    assert fitted.personalize(held, ask("Of foxes?"), llama.lm).adapters == ((fitted.shared.adapter, 0.75), (state.adapter, 0.5))
    without = State(adapter=state.adapter, numbers={"common": 0.0, "own": 1.0})
    assert fitted.personalize(without, ask("Of foxes?"), llama.lm).adapters == ((state.adapter, 1.0),)


def test_with_too_few_records_to_judge_by_only_the_common_adapter_is_used(llama, fitted):
    for state in fitted.enroll([CYD, NOBODY], llama.lm):  # three records: none can be held out
        assert (state.numbers["common"], state.numbers["own"]) == (1.0, 0.0)
        assert fitted.personalize(state, ask("Of foxes?"), llama.lm).adapters == ((fitted.shared.adapter, 1.0),)


def test_the_federation_gets_each_persons_pairs_in_a_job_of_their_own(llama, monkeypatch):
    given = []
    monkeypatch.setattr(fdlora, "federated", lambda lm, jobs, start, **options: given.extend(jobs) or start)
    FDLoRA(**SMALL).fit([ANN, BOB, NOBODY], llama.lm)
    assert [{name for _, answer in job for name, _ in marks(answer)} for job in given] == [{"ann"}, {"bob"}, set()]
