"""LoRAs that preference vectors condition: where they start, that they are affine in the weights, and what each part is taught."""

import numpy as np
import pytest
import torch

from idiolect.errors import RequestError
from idiolect.models.algebra import delta, mixture
from idiolect.models.bends import Bends
from idiolect.training.loop import Plan
from idiolect.training.sft import lora
from idiolect.training.slots import Sums, mixed, slots
from idiolect.types import Adapter, ask
from tests.models.test_local_bends import last_logits

ASKED = [ask("On foxes"), ask("On dogs that sleep"), ask("A title")]
ANSWER = "the dog sleeps"
MODULES = ("q_proj", "v_proj")


def panacea(bench, rank=3, objectives=2, moved=True):
    """Its learner, and parameters of one job, moved from their start by chance."""
    learner = slots(bench.lm, objectives, rank=rank, modules=MODULES, scale=40.0)
    return learner, _moved(learner.start(1), moved)


def sums(bench, moved=True):
    learner = Sums(lora(bench.lm, 1, 3, 6.0, MODULES, Plan()), 2)
    return learner, _moved(learner.start(1), moved)


def _moved(parameters, moved):
    chance = torch.Generator().manual_seed(1)
    return {
        name: (value.detach() + 0.05 * torch.randn(value.shape, generator=chance) * moved).requires_grad_()
        for name, value in parameters.items()
    }


def logits(bench, learner, parameters, weights):
    """(rows, answer tokens, vocabulary), each row under its own weights, in one batch."""
    weights = np.atleast_2d(weights)
    rows = [bench.lm.encode(ASKED[i % len(ASKED)], ANSWER) for i in range(len(weights))]
    places = torch.arange(len(weights))
    bends = learner.under(weights).bend(Bends(), parameters, torch.zeros_like(places), places)
    return bench.lm.engine.answer_logits(rows, bends)


def single(parameters):
    return {name: value[0].detach() for name, value in parameters.items()}


@pytest.mark.parametrize("make", [panacea, sums])
def test_at_the_start_the_model_is_as_it_was_whatever_the_weights(llama, make):
    learner, parameters = make(llama, moved=False)
    made = logits(llama, learner, parameters, [[1.0, 0.0], [0.3, 0.7], [0.0, 1.0]])
    for row, request in enumerate(ASKED):
        assert torch.allclose(made[row], last_logits(llama, request, ANSWER), atol=1e-5)


def test_at_the_start_the_singular_values_and_the_slots_scale_have_gradients(llama):
    learner, parameters = panacea(llama, moved=False)
    logits(llama, learner, parameters, [[0.3, 0.7]]).logsumexp(-1).sum().backward()
    for name, value in parameters.items():
        if name.endswith(("|s", "|t")):
            assert (value.grad != 0).all(), name
        else:
            assert not value.grad.any(), name  # U and V wait for the first step of s and t


def test_the_slots_get_nothing_where_u_starts_at_zero_as_in_a_lora(llama):
    learner, parameters = panacea(llama, moved=False)
    for name, value in parameters.items():
        if name.endswith("|U"):
            value.data.zero_()
    logits(llama, learner, parameters, [[0.3, 0.7]]).logsumexp(-1).sum().backward()
    assert not any(value.grad.any() for name, value in parameters.items() if name.endswith(("|s", "|t")))


@pytest.mark.parametrize("make", [panacea, sums])
def test_rows_of_different_weights_share_a_batch_and_are_what_they_are_alone(llama, make):
    learner, parameters = make(llama)
    weights = np.array([[1.0, 0.0], [0.3, 0.7], [0.0, 1.0]])
    together = logits(llama, learner, parameters, weights)
    for row, own in enumerate(weights):
        carried = ASKED[row].bent(adapters=learner.mixture(single(parameters), own))
        assert torch.allclose(together[row], last_logits(llama, carried, ANSWER), atol=1e-4)
    assert not torch.allclose(together[0], last_logits(llama, ASKED[0], ANSWER), atol=1e-2)


@pytest.mark.parametrize("make", [panacea, sums])
def test_the_change_of_weights_is_affine_in_the_preference_vector(llama, make):
    learner, parameters = make(llama)
    parts = learner.split(single(parameters))

    def change(weights, path):
        return delta(mixture(mixed(parts, np.array(weights))), path)

    for path in parts[0].modules:
        middle = (change([0.8, 0.2], path) + change([0.1, 0.9], path)) / 2
        assert np.allclose(change([0.45, 0.55], path), middle, atol=1e-6)
        assert not np.allclose(change([1.0, 0.0], path), change([0.0, 1.0], path), atol=1e-4)


def test_the_rank_is_that_of_the_singular_values_and_the_slots(llama):
    learner, parameters = panacea(llama, rank=3)
    whole = mixture(learner.mixture(single(parameters), np.array([0.5, 0.5])))
    for path in whole.modules:
        assert np.linalg.matrix_rank(delta(whole, path), tol=1e-7) == 5


def test_without_singular_values_the_slots_are_all_there_is(llama):
    learner, parameters = panacea(llama, rank=0)
    core, *own = learner.split(single(parameters))
    assert all(len(a) == 0 for a, _ in core.modules.values()) and all(len(a) == 1 for one in own for a, _ in one.modules.values())
    made = logits(llama, learner, parameters, [[1.0, 0.0]])
    carried = ASKED[0].bent(adapters={own[0]: 1.0})
    assert torch.allclose(made[0], last_logits(llama, carried, ANSWER), atol=1e-4)


def test_the_weights_are_given_and_get_no_gradient(llama):
    learner, parameters = panacea(llama)
    under, places = learner.under(np.array([[0.3, 0.7]])), torch.zeros(1, dtype=torch.long)
    bends = under.bend(Bends(), parameters, places, places)
    llama.lm.engine.answer_logits([llama.lm.encode(ASKED[0], ANSWER)], bends).logsumexp(-1).sum().backward()
    assert under.weights.grad is None and all(value.grad.any() for value in parameters.values())
    assert len(learner.weights) == 0  # who was asked for another learner is not told of these weights


def test_the_gradient_that_reaches_an_objectives_part_is_its_weight_times_that_at_the_sum(llama):
    learner, parameters = sums(llama, moved=False)
    weights, rank = [0.3, 0.7], 3
    logits(llama, learner, parameters, [weights]).logsumexp(-1).sum().backward()
    for name, value in parameters.items():
        if name.endswith("|B"):  # all parts start from one A, so that the shared part, whose weight is 1, has the gradient at the sum
            whole, *own = value.grad[0].split(rank)
            for weight, part in zip(weights, own, strict=True):
                assert torch.allclose(part, weight * whole, atol=1e-5) and whole.any()


def test_a_weight_of_one_is_the_shared_part_and_its_objectives_own(llama):
    learner, parameters = sums(llama)
    shared, first, second = learner.split(single(parameters))
    assert mixed([shared, first, second], np.array([0.0, 1.0])) == {shared: 1.0, second: 1.0}
    assert [one.scale for one in (shared, first, second)] == [2.0] * 3


def test_equal_parts_make_a_policy_that_does_not_heed_the_weights(llama):
    learner, parameters = sums(llama)
    for value in parameters.values():
        shared, own, _ = value.data[0].split(3)
        value.data[0] = torch.cat([shared, own, own])
    made = logits(llama, learner, parameters, [[1.0, 0.0]])
    assert torch.allclose(made, logits(llama, learner, parameters, [[0.2, 0.8]]), atol=1e-4)


def test_a_learner_without_slots_is_refused_and_the_scale_grows_as_the_rank_falls(llama):
    with pytest.raises(RequestError):
        slots(llama.lm, 0, rank=2, modules=MODULES)
    assert slots(llama.lm, 2, rank=8, modules=MODULES).scale == 64.0
    assert isinstance(slots(llama.lm, 2, rank=1, modules=MODULES).split(single(panacea(llama, rank=1)[1]))[0], Adapter)
