"""Preferences under weights drawn anew: what each aggregation multiplies, and that weights decide whose preference is followed."""

import numpy as np
import pytest
import torch

from idiolect.errors import RequestError
from idiolect.training.slots import mixed, slots
from idiolect.training.specialized import Drawn
from idiolect.training.sweep import Sweep, coefficients, compared, dpo_losses, swept
from idiolect.types import ask

ASKED = tuple(ask(f"Question {i} of the fox") for i in range(6))
ANSWERS = ("the fox", "a dog sleeps on", "title")
REWARDS = np.tile(np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]), (6, 1, 1))  # each objective's best is the other one's worst
POOL = Drawn(ASKED, (ANSWERS,) * 6, REWARDS)


def test_linear_coefficients_are_the_weights_and_tchebycheffs_are_those_of_the_worst():
    losses, weights = torch.tensor([[1.0, 2.0], [1.0, 2.0]]), torch.tensor([[0.9, 0.1], [0.5, 0.5]])
    assert coefficients(losses, weights, "linear") is weights
    assert coefficients(losses, weights, "tchebycheff").tolist() == [[pytest.approx(0.9), 0.0], [0.0, 0.5]]
    with pytest.raises(RequestError, match="'linear' or 'tchebycheff'"):
        coefficients(losses, weights, "mean")


def test_tchebycheffs_coefficients_are_the_slope_of_the_greatest_weighted_loss():
    losses = torch.tensor([[1.0, 2.0, 0.5]], requires_grad=True)
    weights = torch.tensor([[0.5, 0.2, 0.3]])
    (weights * losses).max().backward()
    assert torch.allclose(losses.grad, coefficients(losses.detach(), weights, "tchebycheff"))


def test_losses_are_ln_2_where_nothing_was_learnt_yet():
    logp = torch.randn(3, 4)
    assert dpo_losses(logp, logp, 0.1).tolist() == [[pytest.approx(np.log(2))] * 2] * 3
    made = dpo_losses(torch.tensor([[1.0, 0.0, 0.0, 2.0]]), torch.zeros(1, 4), 0.5)
    assert made[0].tolist() == pytest.approx([np.log1p(np.exp(-0.5)), np.log1p(np.exp(1.0))])


def test_an_objective_without_a_preference_compares_an_answer_with_itself_and_a_question_without_any_is_left_out(llama):
    flat = REWARDS.copy()
    flat[2, :, 1] = 3.0
    flat[4] = 3.0
    made = compared(llama.lm, Drawn(ASKED, (ANSWERS,) * 6, flat))
    assert [one.request for one in made] == [*ASKED[:4], ASKED[5]] and {len(one.rows) for one in made} == {4}
    first, second, third, fourth = made[2].rows
    assert first != second and third == fourth
    logp = torch.tensor([[-1.0, -2.0, -5.0, -5.0]], requires_grad=True)
    dpo_losses(logp, torch.zeros(1, 4), 0.1)[0, 1].backward()
    assert logp.grad[0, 2] == -logp.grad[0, 3]  # of one and the same answer: together nothing


@pytest.mark.parametrize("how", ["linear", "tchebycheff"])
def test_weights_decide_whose_preference_is_followed(llama, how):
    policy = slots(llama.lm, 2, rank=2, modules=("v_proj", "o_proj", "lm_head"))
    parts = swept(llama.lm, policy, POOL, how, Sweep(steps=40, questions=3, vectors=4, lr=1e-2, beta=0.5))

    def ahead(weights):
        """Nats by which the first objective's answer is likelier than the second's."""
        bent = [request.bent(adapters=mixed(parts, np.array(weights))) for request in ASKED]
        first, second = (llama.lm.score(bent, [answer] * 6) for answer in ANSWERS[:2])
        return np.mean([one.nats - other.nats for one, other in zip(first, second, strict=True)])

    made = [ahead([weight, 1 - weight]) for weight in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert made == sorted(made) and made[-1] > made[0] + 2


def test_a_pool_without_a_comparison_teaches_nothing(llama):
    policy = slots(llama.lm, 2, rank=2, modules=("v_proj",))
    parts = swept(llama.lm, policy, Drawn((), (), np.zeros((0, 3, 2))), "linear", Sweep(steps=2))
    assert len(parts) == 3 and not any(b.any() for part in parts for _, b in part.modules.values())


def test_a_sweep_out_of_range_is_refused():
    for wrong in ({"vectors": 0}, {"beta": 0.0}, {"alpha": -1.0}):
        with pytest.raises(RequestError):
            Sweep(**wrong)
