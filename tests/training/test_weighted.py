"""Weights of questions and answers in the loss: the cases that are known, and gradients in proportion."""

import numpy as np
import pytest
import torch

from idiolect.errors import RequestError
from idiolect.models.bends import Bends
from idiolect.training.loop import Plan
from idiolect.training.sft import lora, sft
from idiolect.training.weighted import OPENING, Weighted, weighted
from idiolect.types import ask
from tests.tiny_models import tiny_llama
from tests.training.conftest import arrays, near, pairs_of

PLAN = Plan(epochs=2, batch=2)


@pytest.fixture(scope="module")
def lm():
    return tiny_llama().lm


def test_an_answer_of_weight_one_alone_is_ordinary_fine_tuning(lm, jobs):
    ours = weighted(lm, jobs, question=0.0, answer=1.0, rank=2, plan=PLAN)
    assert all(near(one, other) for one, other in zip(ours, sft(lm, jobs, rank=2, alpha=2.0, plan=PLAN), strict=True))


def test_a_question_of_weight_one_is_learnt_as_an_answer_is(lm):
    job = pairs_of("person", 3)
    rows = [row for request, answer in job for row in ((ask(OPENING), request.question), (request, answer))]
    plan = Plan(epochs=2, batch=len(rows))  # one step an epoch, so that the order drawn does not matter
    assert near(weighted(lm, [job], question=1.0, answer=1.0, rank=2, plan=plan)[0], sft(lm, [rows], rank=2, alpha=2.0, plan=plan)[0])


def test_only_questions_can_be_learnt_too(lm):
    job = pairs_of("person", 3)
    asked = [(ask(OPENING), request.question) for request, _ in job]
    ours = weighted(lm, [job], question=1.0, answer=0.0, rank=2, plan=PLAN)[0]
    assert near(ours, sft(lm, [asked], rank=2, alpha=2.0, plan=PLAN)[0])


def gradient(lm, weights, places):
    """Of the summed log-probabilities of two rows, with respect to B of the only job."""
    inner = lora(lm, 1, 2, 2.0, ["v_proj"], PLAN)
    learner, path = Weighted(inner, weights), next(iter(inner.shapes))
    parameters = learner.start(1)
    rows = [lm.encode(request, answer) for request, answer in pairs_of("person", 2)]
    with torch.enable_grad():
        bends = learner.bend(Bends(), parameters, torch.zeros(2, dtype=torch.long), torch.tensor(places))
        lm.answer_logprobs(rows, bends)[0].sum().backward()
    return parameters[f"{path}|B"].grad


def test_a_rows_gradient_is_its_weights_multiple(lm):
    first, second = gradient(lm, [1.0, 0.0], [0, 1]), gradient(lm, [0.0, 1.0], [0, 1])
    assert first.abs().max() > 0 and second.abs().max() > 0
    assert torch.allclose(gradient(lm, [0.2, 3.0], [0, 1]), 0.2 * first + 3.0 * second, atol=1e-6)
    assert torch.allclose(gradient(lm, [0.2, 3.0], [3, 6]), 3.0 * first + 0.2 * second, atol=1e-6)


def test_company_changes_nobodys_adapter(lm, jobs):
    together = weighted(lm, jobs, question=0.5, answer=1.0, rank=2, plan=PLAN)
    assert near(together[2], weighted(lm, [jobs[2]], question=0.5, answer=1.0, rank=2, plan=PLAN)[0])
    assert not any(b.any() for _, b in together[3].modules.values()), "without pairs nothing is learnt"
    assert not np.allclose(arrays(together[0]), arrays(together[2]))


@pytest.mark.parametrize("weights", [(-0.1, 1.0), (0.0, float("nan"))])
def test_weights_below_nothing_are_refused(lm, weights):
    with pytest.raises(RequestError, match="neither can be below 0"):
        weighted(lm, [[]], question=weights[0], answer=weights[1])
