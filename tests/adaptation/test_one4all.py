"""One4All: one adapter from everybody, for everybody, and a person's own part only in what is quoted."""

import numpy as np
import pytest

from idiolect.adaptation import one4all
from idiolect.adaptation.one4all import One4All
from idiolect.types import State, ask
from tests.conformance.people import ANN, BOB, CYD, NOBODY, marks, text_of

SMALL = {"rank": 2, "epochs": 2}


@pytest.fixture
def trained(monkeypatch):
    """The jobs of each call of `sft`, which runs as ever."""
    calls, real = [], one4all.sft
    monkeypatch.setattr(one4all, "sft", lambda lm, jobs, **options: calls.append([list(job) for job in jobs]) or real(lm, jobs, **options))
    return calls


def fitted(lm, users, **options):
    method = One4All(**SMALL, **options)
    method.fit(users, lm)
    return method


def test_one_user_is_enough_to_learn_from(llama, trained):
    method = fitted(llama.lm, [CYD])
    assert [[answer for _, answer in job] for job in trained[0]] == [[record.answer for record in CYD.records]]
    assert any(b.any() for _, b in method.shared.adapter.modules.values())


def test_everybody_teaches_one_adapter_from_no_more_pairs_than_asked_for(llama, trained):
    fitted(llama.lm, [ANN, BOB, CYD], shared_pairs=5)
    assert [len(job) for job in trained[0]] == [5]
    for request, answer in trained[0][0]:
        writer = {name for name, _ in marks(answer)}
        assert {name for name, _ in marks(text_of(request))} <= writer


def test_enrolling_trains_nothing_and_keeps_the_records_only(llama, trained):
    method = fitted(llama.lm, [ANN])
    states = method.enroll([BOB, NOBODY], llama.lm)
    assert len(trained) == 1
    assert [(state.records, state.adapter, dict(state.arrays), state.text) for state in states] == [
        (BOB.records, None, {}, ""),
        (NOBODY.records, None, {}, ""),
    ]


def test_all_are_bent_by_the_same_adapter_and_told_their_own_records(llama):
    method = fitted(llama.lm, [ANN, BOB], k=2)
    for user in (ANN, CYD):  # Cyd was not there when it was learnt
        bent = method.personalize(State(records=user.records), ask("Of foxes?"), llama.lm)
        assert bent.adapters == ((method.shared.adapter, 1.0),) and len(bent.because) == 2
        assert {name for name, _ in marks(text_of(bent))} == {user.id}


def test_before_it_has_learnt_and_without_records_the_request_is_the_plain_one(llama):
    assert One4All().personalize(State(), ask("Of foxes?"), llama.lm) == ask("Of foxes?")


def test_what_was_learnt_makes_answers_of_that_kind_likelier(llama):
    method = One4All(k=0, rank=8, epochs=10, lr=1e-2)
    method.fit([ANN, BOB], llama.lm)
    asked, answers = ask(CYD.records[0].prompt), [record.answer for record in (*ANN.records, *BOB.records)]
    before, after = (
        [score.nats for score in llama.lm.score([request] * len(answers), answers)]
        for request in (asked, method.personalize(State(), asked, llama.lm))
    )
    assert np.sum(after) > np.sum(before)
