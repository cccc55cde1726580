"""SoftPrompt: where a person's vectors start, who moves them, and what they do."""

import numpy as np
import pytest

from idiolect.adaptation import soft_prompt
from idiolect.adaptation.soft_prompt import SoftPrompt
from idiolect.types import ask
from tests.conformance.people import ANN, BOB, CYD, NOBODY, conversation, marks

SMALL = {"length": 3, "epochs": 2, "shared_pairs": 6}


@pytest.fixture
def trained(monkeypatch):
    """The jobs of each call of `soft`, which runs as ever."""
    calls, real = [], soft_prompt.soft
    monkeypatch.setattr(
        soft_prompt, "soft", lambda lm, jobs, **options: calls.append([list(job) for job in jobs]) or real(lm, jobs, **options)
    )
    return calls


def fitted(lm, users=(ANN, BOB), **options):
    method = SoftPrompt(**(SMALL | options))
    method.fit(users, lm)
    return method


def test_a_person_without_records_keeps_the_generic_prefix_to_the_bit(llama):
    method = fitted(llama.lm)
    nobody, ann = method.enroll([NOBODY, ANN], llama.lm)
    generic = method.shared.arrays["generic"]
    assert generic.shape == (3, 32) and np.array_equal(nobody.arrays["prefix"], generic)
    assert not np.array_equal(ann.arrays["prefix"], generic)


def test_everybody_starts_at_the_generic_prefix(llama):
    method = fitted(llama.lm)
    method.epochs = 0
    for state in method.enroll([ANN, CYD], llama.lm):
        assert np.array_equal(state.arrays["prefix"], method.shared.arrays["generic"])


def test_the_generic_prefix_is_learnt_by_all_in_one_job_and_a_persons_by_that_person(llama, trained):
    fitted(llama.lm, (ANN, BOB, CYD)).enroll([ANN, NOBODY, BOB], llama.lm)
    assert [len(job) for job in trained[0]] == [6]
    for user, job in zip((ANN, NOBODY, BOB), trained[1], strict=True):
        assert [answer for _, answer in job] == [record.answer for record in user.records]
        assert not any(marks(request.question) or len(request.messages) > 1 for request, _ in job)


def test_a_request_gets_the_persons_vectors_and_no_text(llama):
    method = fitted(llama.lm)
    state = method.enroll([ANN], llama.lm)[0]
    bent = method.personalize(state, conversation(), llama.lm)
    assert bent.messages == conversation().messages and not bent.because
    assert np.array_equal(bent.prefix.vectors, state.arrays["prefix"]) and not len(state.records)


def test_what_a_person_wrote_becomes_likelier_than_under_the_generic_prefix(llama):
    method = fitted(llama.lm, (BOB,), lr=5e-2, epochs=4)
    ann, nobody = method.enroll([ANN, NOBODY], llama.lm)
    asked, answers = [ask(record.prompt) for record in ANN.records], [record.answer for record in ANN.records]
    own, generic = (
        sum(score.nats for score in llama.lm.score([method.personalize(state, request, llama.lm) for request in asked], answers))
        for state in (ann, nobody)
    )
    assert own > generic


def test_before_it_has_learnt_of_all_a_person_starts_where_the_seed_says(llama):
    first, again, other = (SoftPrompt(**SMALL, seed=seed).enroll([NOBODY], llama.lm)[0].arrays["prefix"] for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
