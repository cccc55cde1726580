"""Preferences learnt under weights that are drawn anew in each step, so that one policy serves all of them: how Panacea is trained.

Zhong et al. Panacea. NeurIPS 2024, arXiv:2402.02030, with the terms of direct preference optimization (arXiv:2305.18290).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

from idiolect.errors import RequestError
from idiolect.models.lm import LM
from idiolect.models.local import LocalLM
from idiolect.training.directions import dirichlet
from idiolect.training.loop import local
from idiolect.training.objective import Example, encoded
from idiolect.training.slots import Conditioned
from idiolect.training.specialized import Drawn
from idiolect.training.steps import Steps
from idiolect.types import Adapter, Floats


@dataclass(frozen=True)
class Sweep:
    """How preference vectors are swept over while preferences are learnt: each of `steps` has `questions`, under `vectors` drawn anew."""

    steps: int = 60
    questions: int = 4
    vectors: int = 4
    alpha: float = 1.0  # of the Dirichlet distribution
    lr: float = 2e-3
    beta: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.steps, self.questions, self.vectors) < 1 or not self.beta > 0 or not self.alpha >= 0:
            raise RequestError(f"a sweep out of range (steps, questions, vectors >= 1; beta > 0; alpha >= 0): {self}")


def swept(lm: LM, policy: Conditioned, pool: Drawn, how: str = "linear", plan: Sweep = Sweep()) -> list[Adapter]:
    """The adapters of `policy.split`, taught by each objective's preference among the answers drawn: DPO, aggregated by drawn weights.

    Nothing is learnt where no answer is preferred to another.
    """
    model, objectives = local(lm, "learning under weights"), pool.rewards.shape[-1]
    examples = compared(model, pool, policy.ahead)
    steps, chance = Steps(model, policy, 1), np.random.default_rng(plan.seed)
    for step in range(plan.steps if examples else 0):
        chosen = chance.choice(len(examples), size=min(plan.questions, len(examples)), replace=False)
        weights = dirichlet(plan.vectors, objectives, chance, plan.alpha)
        _sweep(steps, policy, [examples[place] for place in chosen], (weights, how), (plan, step))
    return policy.split(steps.own(0))


def compared(lm: LocalLM, pool: Drawn, ahead: int = 0) -> list[Example]:
    """For each question an example whose answers are the best and the worst by the first objective, by the second, and so on.

    An objective without a preference has one answer twice, which teaches nothing; a question on which none has one is left out.
    """
    ranked = [{request: (best, worst) for request, best, worst in pool.pairs(objective)} for objective in range(pool.rewards.shape[-1])]
    made = []
    for request, own in dict(zip(pool.requests, pool.answers, strict=True)).items():
        if any(request in pairs for pairs in ranked):
            answers = [answer for pairs in ranked for answer in pairs.get(request, (own[0], own[0]))]
            made.append(Example(request, encoded(lm, request, answers, ahead), 0))
    return made


def dpo_losses(logp: Tensor, reference: Tensor, beta: float) -> Tensor:
    """(rows, objectives) from log-probabilities (rows, 2 * objectives), each objective's chosen answer before its rejected one."""
    gained = (logp - reference).view(len(logp), -1, 2)
    return softplus(-beta * (gained[:, :, 0] - gained[:, :, 1]))


def coefficients(losses: Tensor, weights: Tensor, how: str) -> Tensor:
    """(vectors, objectives): what each objective's loss is multiplied by, from mean losses and weights (vectors, objectives).

    linear: its weight. tchebycheff: its weight if weight * loss is the greatest of its vector, else 0: the slope of the greatest.
    """
    if how == "linear":
        return weights
    if how != "tchebycheff":
        raise RequestError(f"no aggregation of losses is named {how!r}: take 'linear' or 'tchebycheff'")
    worst = (weights * losses).argmax(dim=1, keepdim=True)
    return torch.zeros_like(weights).scatter(1, worst, weights.gather(1, worst))


def _sweep(
    steps: Steps,
    policy: Conditioned,
    chosen: Sequence[Example],
    asked: tuple[Floats, str],
    when: tuple[Sweep, int],
) -> None:
    """One step: every chosen question under each of the weights (vectors, objectives)."""
    (weights, how), (plan, step) = asked, when
    vectors, objectives = weights.shape
    own = policy.under(weights)
    rows = [(0, Example(one.request, one.rows, vector)) for vector in range(vectors) for one in chosen]
    reference = steps.reference(rows[: len(chosen)]).repeat(vectors, 1)
    means = torch.zeros(vectors, objectives, device=reference.device)
    if how != "linear":
        means = dpo_losses(steps.now(rows, own), reference, plan.beta).view(vectors, -1, objectives).mean(dim=1)
    by = coefficients(means, own.weights, how).repeat_interleave(len(chosen), dim=0)

    def loss(places: list[int], logp: Tensor) -> Tensor:
        return (by[places] * dpo_losses(logp, reference[places], plan.beta)).sum(dim=1)

    steps.step(rows, loss, plan.lr * (1 - step / plan.steps), own)
