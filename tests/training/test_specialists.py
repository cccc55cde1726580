"""Experts that traits share: known values of the specialization loss, and what a router with it learns."""

import numpy as np
import pytest
import torch

from idiolect.errors import RequestError
from idiolect.training.loop import Plan
from idiolect.training.specialists import overlap, overlap_gradient, routes, specialists
from tests.tiny_models import tiny_llama
from tests.training.conftest import pairs_of

PLAN = Plan(lr=2e-2, epochs=6, batch=4)
SIZE = {"size": (2, 2), "modules": ["v_proj"]}


@pytest.fixture(scope="module")
def lm():
    return tiny_llama().lm


@pytest.fixture(scope="module")
def lessons():
    """Four pairs of somebody with the first trait, then four of somebody with the second."""
    return pairs_of("ann", 4) + pairs_of("bob", 4), np.repeat(np.eye(2), 4, axis=0)


def test_the_overlap_is_0_without_a_shared_expert_and_1_with_the_same_one():
    assert overlap(torch.eye(3)) == 0.0
    assert overlap(torch.tensor([[1.0, 0.0]]).repeat(4, 1)) == 1.0
    assert overlap(torch.full((2, 2), 0.5)) == pytest.approx(0.5)
    assert overlap(torch.tensor([[1.0, 0.0]])) == 0.0


def test_the_overlaps_gradient_is_what_differentiation_gives():
    taken = torch.softmax(torch.randn(5, 3, generator=torch.Generator().manual_seed(1)), dim=1).requires_grad_()
    with torch.enable_grad():
        overlap(taken).backward()
    assert torch.allclose(overlap_gradient(taken.detach()), taken.grad, atol=1e-6)


def test_a_trait_takes_the_experts_by_the_softmax_of_its_routes():
    made = routes(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[0.0, 0.0], [3.0, 1.0]]).log().clamp(min=0.0))
    assert torch.allclose(made, torch.tensor([[0.5, 0.5], [0.75, 0.25]]))


def test_specialization_makes_traits_take_different_experts(lm, lessons):
    plain = specialists(lm, *lessons, specialization=0.0, plan=PLAN, **SIZE)[1]
    apart = specialists(lm, *lessons, specialization=50.0, plan=PLAN, **SIZE)[1]
    assert np.allclose(apart.sum(axis=1), 1.0)
    assert overlap(torch.tensor(apart)) < overlap(torch.tensor(plain)) - 0.05


def test_a_traits_mixture_helps_with_what_its_people_write(lm, lessons):
    pairs, _ = lessons
    experts, taken = specialists(lm, *lessons, specialization=1.0, plan=PLAN, **SIZE)
    mixture = {expert: float(share) for expert, share in zip(experts, taken[0], strict=True)}
    asked, answers = [request for request, _ in pairs[:4]], [answer for _, answer in pairs[:4]]
    before, after = lm.score(asked, answers), lm.score([request.bent(adapters=mixture) for request in asked], answers)
    assert sum(score.nats for score in after) > sum(score.nats for score in before) + 1.0


def test_one_expert_takes_everything_and_is_a_plain_lora(lm, lessons):
    experts, taken = specialists(lm, *lessons, specialization=1.0, plan=PLAN, size=(1, 2), modules=["v_proj"])
    assert np.array_equal(taken, np.ones((2, 1))) and [expert.name for expert in experts] == ["expert 0"]
    assert all(a.shape[0] == b.shape[1] == 2 for a, b in experts[0].modules.values())


def test_traits_that_do_not_fit_the_pairs_are_refused(lm, lessons):
    with pytest.raises(RequestError, match="8 pairs need traits"):
        specialists(lm, lessons[0], np.eye(2), specialization=0.0, plan=PLAN, **SIZE)
