"""OPPU: whose records a person's adapter sees, over what it is trained, and that it moves nobody else."""

import numpy as np
import pytest

from idiolect.adaptation import oppu
from idiolect.adaptation.oppu import OPPU
from idiolect.assistant import Assistant
from idiolect.errors import ModelError
from idiolect.models.scripted import ScriptedLM
from idiolect.types import State, User, ask
from tests.conformance.people import ANN, BOB, CYD, NOBODY, marks, rewritten, text_of

SMALL = {"rank": 2, "epochs": 2, "shared_pairs": 6}
PEOPLE = [ANN, BOB, CYD, NOBODY]


@pytest.fixture
def trained(monkeypatch):
    """The jobs of each call of `sft`, which runs as ever."""
    calls, real = [], oppu.sft
    monkeypatch.setattr(oppu, "sft", lambda lm, jobs, **options: calls.append([list(job) for job in jobs]) or real(lm, jobs, **options))
    return calls


def numbers(adapter):
    return [factor for pair in adapter.modules.values() for factor in pair]


def same_bits(some, others):
    return all(np.array_equal(one, other) for one, other in zip(numbers(some), numbers(others), strict=True))


def answer_nats(lm, request, user):
    return [lm.score([request], [record.answer])[0].nats for record in user.records]


def test_a_persons_batches_hold_that_persons_records_and_no_others(llama, trained):
    OPPU(**SMALL).enroll(PEOPLE, llama.lm)
    assert len(trained) == 1 and len(trained[0]) == len(PEOPLE)
    for user, job in zip(PEOPLE, trained[0], strict=True):
        quoted = {reason.removeprefix("record:") for request, _ in job for reason in request.because}
        assert [answer for _, answer in job] == [record.answer for record in user.records]
        assert quoted <= {record.id for record in user.records}
        assert {name for request, answer in job for name, _ in marks(text_of(request) + answer)} <= {user.id}


def test_whoever_comes_first_leaves_nothing_to_those_who_come_after(llama, trained):
    method = OPPU(**SMALL)
    first = method.enroll([ANN], llama.lm)[0]
    method.enroll([BOB], llama.lm)
    assert [len(jobs[0]) for jobs in trained] == [len(ANN.records), len(BOB.records)]
    assert same_bits(method.enroll([ANN], llama.lm)[0].adapter, first.adapter)


def test_training_one_person_leaves_anothers_adapter_to_the_bit(llama):
    method = OPPU(**SMALL)
    bob = method.enroll([BOB], llama.lm)[0]
    before = [factor.copy() for factor in numbers(bob.adapter)]
    method.enroll([ANN], llama.lm)
    method.update(State(), ANN, ANN.records[4:], llama.lm)
    assert all(np.array_equal(one, other) for one, other in zip(before, numbers(bob.adapter), strict=True))


def test_in_one_pass_another_persons_text_does_not_move_an_adapter(llama):
    with_ann = OPPU(**SMALL).enroll([ANN, BOB], llama.lm)[1].adapter
    with_other = OPPU(**SMALL).enroll([rewritten(ANN), BOB], llama.lm)[1].adapter
    assert all(np.allclose(one, other, atol=1e-5) for one, other in zip(numbers(with_ann), numbers(with_other), strict=True))


def test_what_is_quoted_in_training_is_strictly_earlier(llama, trained):
    OPPU(k=3, **SMALL).enroll([ANN], llama.lm)
    times = {record.id: record.time for record in ANN.records}
    for (request, _), record in zip(trained[0][0], ANN.records, strict=True):
        quoted = [times[reason.removeprefix("record:")] for reason in request.because]
        assert len(quoted) == min(3, int(record.time)) and all(time < record.time for time in quoted)


def test_the_task_is_learnt_by_all_in_one_job_and_stays_beside_the_persons_own(llama, trained):
    method = OPPU(**SMALL)
    method.fit([ANN, BOB, CYD], llama.lm)
    assert [len(job) for job in trained[0]] == [6] and len({next(iter(marks(answer)))[0] for _, answer in trained[0][0]}) > 1
    state = method.enroll([ANN], llama.lm)[0]
    task = method.shared.adapter
    assert all(request.adapters == ((task, 1.0),) for request, _ in trained[1][0])
    assert method.personalize(state, ask("Of foxes?"), llama.lm).adapters == ((task, 1.0), (state.adapter, 1.0))


def test_an_adapter_that_learnt_nothing_gives_the_logits_of_the_model_to_the_bit(llama):
    method, asked = OPPU(**SMALL), ask("Of foxes?")
    state = method.enroll([NOBODY], llama.lm)[0]
    bent = method.personalize(state, asked, llama.lm)
    assert bent.adapters and bent.messages == asked.messages
    assert answer_nats(llama.lm, bent, ANN) == answer_nats(llama.lm, asked, ANN)


def test_what_a_person_wrote_becomes_likelier_under_their_own_adapter_than_under_anothers(llama):
    method = OPPU(k=0, rank=8, epochs=8, lr=1e-2)
    ann, bob = method.enroll([ANN, BOB], llama.lm)
    asked = ask(ANN.records[2].prompt)
    own, other = (sum(answer_nats(llama.lm, method.personalize(state, asked, llama.lm), ANN)) for state in (ann, bob))
    assert own > other and own > 0.9 * sum(answer_nats(llama.lm, asked, ANN))


def test_only_the_newest_records_are_trained_on_and_all_are_quoted(llama, trained):
    state = OPPU(newest=2, **SMALL).enroll([ANN], llama.lm)[0]
    assert [answer for _, answer in trained[0][0]] == [record.answer for record in ANN.records[-2:]]
    assert len(OPPU(k=100).personalize(state, ask("Of foxes?"), llama.lm).because) == len(ANN.records)


def test_a_model_that_cannot_be_trained_is_refused_before_anything_runs():
    lm = ScriptedLM(can=["adapters"])
    with pytest.raises(ModelError, match="OPPU needs train"):
        Assistant(lm, OPPU())
    with pytest.raises(ModelError, match="scripted"):
        OPPU().enroll([User("ann", ANN.records)], ScriptedLM())
