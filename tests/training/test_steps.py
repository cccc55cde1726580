"""Steps taken on examples as they come: the same log-probabilities as scores, jobs apart, and a job that is left alone stays."""

import pytest
import torch

from idiolect.training.loop import Plan
from idiolect.training.objective import Example, encoded
from idiolect.training.sft import lora
from idiolect.training.steps import Steps
from idiolect.types import ask

ASKED = [ask("On foxes"), ask("On dogs that sleep")]
ANSWERS = [("the fox", "a dog sleeps"), ("dogs", "the lazy fox on it")]


def rows(bench, jobs=(0, 1)):
    made = [
        Example(request, encoded(bench.lm, request, own, 0), place) for place, (request, own) in enumerate(zip(ASKED, ANSWERS, strict=True))
    ]
    return list(zip(jobs, made, strict=True))


def steps_of(bench, jobs=2):
    return Steps(bench.lm, lora(bench.lm, jobs, 2, 4.0, ("q_proj", "v_proj"), Plan()), jobs)


def likely(places, logp):
    return -logp[:, 0]


def test_before_the_first_step_what_is_trained_says_what_the_model_says(llama):
    steps = steps_of(llama)
    assert torch.allclose(steps.now(rows(llama)), steps.reference(rows(llama)), atol=1e-4)


def test_log_probabilities_are_those_of_the_answers_and_their_end(llama):
    bent = [request.bent(adapters={llama.adapter(1): 1.0}) for request in ASKED]
    made = [Example(request, encoded(llama.lm, request, own, 0), 0) for request, own in zip(bent, ANSWERS, strict=True)]
    said = steps_of(llama, 1).reference([(0, one) for one in made])
    for row, (request, own) in enumerate(zip(bent, ANSWERS, strict=True)):
        for column, answer in enumerate(own):
            logp, _ = llama.lm.answer_logprobs([llama.lm.encode(request, answer, end=True)], llama.lm.bends([request]))
            assert float(said[row, column]) == pytest.approx(float(logp.detach().sum()), abs=1e-3)


def test_a_step_makes_the_loss_less_and_moves_only_the_jobs_that_have_rows(llama):
    steps = steps_of(llama)
    before, start = steps.now(rows(llama, (0, 0))), steps.own(1)
    for _ in range(5):
        steps.step(rows(llama, (0, 0)), likely, 1e-2)
    assert (steps.now(rows(llama, (0, 0)))[:, 0] > before[:, 0]).all()
    assert all(torch.equal(value, start[name]) for name, value in steps.own(1).items())


def test_a_job_moves_in_company_as_it_moves_alone(llama):
    both, alone = steps_of(llama), steps_of(llama, 1)
    both.step(rows(llama), likely, 1e-2)
    alone.step([(0, rows(llama)[1][1])], likely, 1e-2)
    assert all(torch.allclose(both.own(1)[name], value, atol=1e-5) for name, value in alone.own(0).items())


def test_a_job_whose_gradient_is_not_finite_stays(llama):
    steps = steps_of(llama)
    start = steps.results()
    steps.step(rows(llama), lambda places, logp: logp[:, 0] * torch.tensor([float("nan") if place == 0 else 1.0 for place in places]), 1e-2)
    assert all(torch.equal(value, start[0][name]) for name, value in steps.own(0).items())
    assert any(not torch.equal(value, start[1][name]) for name, value in steps.own(1).items())
