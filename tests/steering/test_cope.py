"""CoPe: its score by hand, where it is another method's, and which draft a person's adapter learns from."""

import numpy as np
import pytest
import torch

from idiolect.steering import cope
from idiolect.steering.cope import CoPe
from idiolect.types import State, ask
from tests.conformance.people import ANN, BOB, CYD, NOBODY
from tests.models.test_local_bends import generated, last_logits

SMALL = {"rank": 2, "epochs": 2, "newest": 3, "shared_pairs": 6, "draft_tokens": 4, "drafts": 2}
QUESTION = ask("Write a title on foxes:", max_tokens=8)


@pytest.fixture
def states(llama):
    """A method that was fitted, with bends large enough to see."""
    method = CoPe(**SMALL, k=0)
    method.shared = State(adapter=llama.adapter(1, targets=("q_proj", "v_proj")))
    return method, State(adapter=llama.adapter(2, targets=("q_proj", "v_proj")), records=ANN.records)


def test_a_token_is_scored_by_the_person_less_a_tenth_of_everybody_over_what_is_plausible(llama, states):
    method, state = states
    bent = method.personalize(state, QUESTION, llama.lm)
    for answer in ("the dog", generated_text(llama, bent)):
        own, shared = (last_logits(llama, one, answer).log_softmax(-1) for one in (bent, bent.guide.companions[0]))
        plausible = own >= own.amax(-1, keepdim=True) + np.log(0.1)
        expected = torch.where(plausible, own - 0.1 * shared, -torch.inf).log_softmax(-1)
        tokens = llama.lm.encode(QUESTION, answer).ids[-len(expected) :]
        found = [float(expected[i, token]) for i, token in enumerate(tokens)]
        assert llama.lm.score([bent], [answer])[0].logprobs == pytest.approx(found, abs=1e-4)


def generated_text(llama, request):
    return llama.lm.generate([request])[0].text


def test_without_contrast_it_is_the_persons_own_model_and_so_with_one_plausible_token(llama, states):
    method, state = states
    alone = QUESTION.bent(adapters={method.shared.adapter: 1.0}).bent(adapters={state.adapter: 1.0})
    for method.contrast, method.plausible in ((0.0, 0.1), (5.0, 1.0)):
        assert generated(llama.lm, method.personalize(state, QUESTION, llama.lm)) == generated(llama.lm, alone)
    method.contrast, method.plausible = 5.0, 0.0
    assert generated(llama.lm, method.personalize(state, QUESTION, llama.lm)) != generated(llama.lm, alone)


def test_two_models_that_are_one_leave_the_likeliest_token_as_it_is(llama, states):
    method, state = states
    zero = type(state.adapter)({path: (a, np.zeros_like(b)) for path, (a, b) in state.adapter.modules.items()})
    bent = method.personalize(State(adapter=zero), QUESTION, llama.lm)
    assert generated(llama.lm, bent) == generated(llama.lm, bent.guide.companions[0])


def test_the_shared_adapter_speaks_alone_for_who_has_written_nothing(llama, states):
    method, _ = states
    assert method.personalize(State(), QUESTION, llama.lm) == QUESTION.bent(adapters={method.shared.adapter: 1.0})
    assert CoPe(**SMALL).personalize(State(), QUESTION, llama.lm) == QUESTION


def test_a_person_learns_from_their_own_answers_over_drafts_and_more_than_tuning_alone_teaches(llama, monkeypatch):
    seen, real = [], cope.preferred_from
    monkeypatch.setattr(cope, "preferred_from", lambda lm, own, jobs, *rest: seen.append((own, jobs)) or real(lm, own, jobs, *rest))
    method = CoPe(**SMALL)
    method.fit([ANN, BOB, CYD], llama.lm)
    made = method.enroll([ANN, NOBODY, BOB], llama.lm)
    ((tuned, jobs),) = seen
    for user, job in zip((ANN, NOBODY, BOB), jobs, strict=True):
        assert {answer for _, answer, _ in job} <= {record.answer for record in user.records}
        assert all(dict(request.adapters) == {method.shared.adapter: 1.0} for request, _, _ in job)
    assert jobs[0] and not jobs[1]
    assert made[0].adapter != tuned[0] and made[1].adapter is None


def test_without_drafts_the_adapter_is_as_it_was_tuned(llama):
    method = CoPe(**{**SMALL, "drafts": 0})
    assert method.enroll([ANN], llama.lm)[0].adapter.modules
