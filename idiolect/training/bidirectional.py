"""Steering vectors from preferences, in both directions: many people's chosen and rejected answers in, a vector each out, in one pass.

Cao, Zhang, Cao, Yin, Lin, Ma, Chen. Personalized Steering of Large Language Models: Versatile Steering Vectors Through Bi-directional
Preference Optimization. NeurIPS 2024, arXiv:2406.00045.

With g the log-probability gained over the model without the vector, the loss of a direction d is
-log sigmoid(d beta (g(chosen | d v) - g(rejected | d v))). At d = -1 that is DPO's loss of the same two answers the other way round,
under -v. So every preference stands twice among a job's examples, and each step takes its own as they are or all of them turned round.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from idiolect.models.bends import Bends
from idiolect.models.lm import LM
from idiolect.models.local import LocalLM
from idiolect.training.loop import Learner, Plan, as_completed, local
from idiolect.training.preference import DPO, Preference
from idiolect.training.sft import array_of
from idiolect.types import Floats


def bidirectional(lm: LM, jobs: Sequence[Sequence[Preference]], layer: int, beta: float, plan: BothWays) -> list[Floats]:
    """For each job, a vector (width,) for the stream after block `layer` at all positions; 0 at first, and without preferences.

    Bends of a request hold while it trains, and in what it is compared with. Raises ModelError for a model that cannot be trained.
    """
    model = local(lm, "learning a direction")
    turned = [[*own, *((request, rejected, chosen) for request, chosen, rejected in own)] for own in jobs]
    made = dict(as_completed(model, turned, Direction(model, layer, [len(own) for own in jobs]), plan, objective=DPO(beta)))
    return [array_of(made[job]["vector"]) for job in range(len(jobs))]


@dataclass(frozen=True)
class BothWays(Plan):
    """A plan for examples of which the second half is the first one turned round: a step takes its own from one half, drawn by the seed."""

    def split(self, pairs: int) -> tuple[list[int], list[int]]:
        trained, held = super().split(pairs // 2)
        return trained, [*held, *(place + pairs // 2 for place in held)]

    def schedule(self, pairs: int) -> list[list[int]]:
        chance, steps = random.Random(f"{self.seed}/directions"), super().schedule(pairs)
        return [step if chance.random() < 0.5 else [place + pairs // 2 for place in step] for step in steps]


class Direction(Learner):
    """A vector for each job, added after a block; subtracted from the examples that are turned round, which begin at `half` of a job's."""

    def __init__(self, lm: LocalLM, layer: int, halves: Sequence[int]) -> None:
        self.layer, self.width, self.device, self.halves = layer, lm.width, lm.engine.device, torch.tensor(halves)

    def among(self, jobs: Sequence[int]) -> Direction:
        own = copy(self)
        own.halves = self.halves[list(jobs)]
        return own

    def start(self, jobs: int) -> dict[str, Tensor]:
        return {"vector": torch.zeros(jobs, self.width, device=self.device).requires_grad_()}

    def bend(self, bends: Bends, parameters: Mapping[str, Tensor], jobs: Tensor, places: Tensor) -> Bends:
        signs = torch.where(places < self.halves[jobs], 1.0, -1.0).to(self.device)
        moved, there = parameters["vector"][jobs.to(self.device)] * signs[:, None], dict(bends.everywhere)
        there[self.layer] = there[self.layer] + moved if self.layer in there else moved
        return replace(bends, everywhere=there)
