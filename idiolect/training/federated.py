"""LoRA learnt by many people without their records leaving them: rounds of local training, and an average that takes momentum.

Inner steps by AdamW, outer ones by Nesterov's momentum on the averaged change: Douillard et al., DiLoCo, arXiv:2311.08105; the average
of A and of B apart is that of federated averaging: McMahan et al., AISTATS 2017, arXiv:1602.05629.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from idiolect.errors import RequestError
from idiolect.models.lm import LM
from idiolect.models.local import LocalLM
from idiolect.training.loop import Pair, Plan, local, train
from idiolect.training.sft import LoRA
from idiolect.types import Adapter


@dataclass(frozen=True)
class Rounds:
    """How often all meet, how many of them each time (drawn by the plan's seed), and how far the outer step goes.

    With `lr` 1 and no `momentum` a round ends at the average of what the people taking part have learnt.
    """

    count: int = 4
    people: int = 8
    lr: float = 1.0
    momentum: float = 0.0

    def __post_init__(self) -> None:
        if self.count < 1 or self.people < 1 or self.lr < 0 or not 0 <= self.momentum < 1:
            raise RequestError(f"rounds out of range (count, people >= 1; lr >= 0; 0 <= momentum < 1): {self}")


def federated(lm: LM, jobs: Sequence[Sequence[Pair]], start: Adapter, *, plan: Plan, rounds: Rounds) -> Adapter:
    """The adapter that all jobs share, `start` at first; each round every job taking part trains it, and only what it changed is averaged.

    A job's weight in the average is its number of pairs; those without pairs take no part.
    """
    model = local(lm, "fine-tuning")
    learner = Resumed(model, start, plan.seed)
    able = [job for job in jobs if job]
    speed = {name: torch.zeros_like(value) for name, value in learner.now.items()}
    for number in range(rounds.count if able else 0):
        chance = random.Random(f"{plan.seed}/{number}")
        chosen = able if len(able) <= rounds.people else [able[place] for place in sorted(chance.sample(range(len(able)), rounds.people))]
        made = train(model, chosen, learner, replace(plan, seed=plan.seed + number))
        total = sum(len(job) for job in chosen)
        for name, value in learner.now.items():
            change = sum((one[name] - value) * (len(job) / total) for one, job in zip(made, chosen, strict=True))
            speed[name] = rounds.momentum * speed[name] + change
            learner.now[name] = value + rounds.lr * (change + rounds.momentum * speed[name])  # Nesterov's
    return learner.adapter(learner.now, "global")


class Resumed(LoRA):
    """A LoRA in which every job starts at the parameters `now`, an adapter's at first."""

    def __init__(self, lm: LocalLM, start: Adapter, seed: int) -> None:
        rank = len(next(iter(start.modules.values()))[0])
        super().__init__(lm, list(start.modules), rank, start.scale, seed)
        kinds = {"A": {p: a for p, (a, _) in start.modules.items()}, "B": {p: b.T for p, (_, b) in start.modules.items()}}
        held = {f"{path}|{kind}": factor for kind, factors in kinds.items() for path, factor in factors.items()}
        self.now = {name: torch.from_numpy(factor.copy()).to(self.device) for name, factor in held.items()}

    def start(self, jobs: int) -> dict[str, Tensor]:
        return {name: value.repeat(jobs, 1, 1).requires_grad_() for name, value in self.now.items()}
