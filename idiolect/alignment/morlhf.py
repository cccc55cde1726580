"""MORLHF: one policy for each of several preference vectors, by policy gradient on the weighted rewards: the expensive reference.

Wu, Hu, Shi, Dziri, Suhr, Ammanabrolu, Smith, Ostendorf, Hajishirzi. Fine-Grained Human Feedback Gives Better Rewards for Language Model
Training. NeurIPS 2023, arXiv:2306.01693, whose reward is a weighted sum over a whole answer. The best policy is the model's own times
exp(weighted reward / beta), and its value beta times the logarithm of what normalizes that.

Departs from the paper: rewards are counted, once an answer, and z-scored over the model's answers before they are weighed; no value
network, and REINFORCE in place of PPO. Weights that were not trained are answered by the nearest that were: of five vectors of two
objectives, none is further than an eighth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.training.directions import lattice
from idiolect.training.loop import Plan
from idiolect.training.policy import Alone, Ascent, counting, improved
from idiolect.training.rewards import READ, asked_for, weights_of
from idiolect.training.sft import lora
from idiolect.training.specialized import MODULES, Draws, adapters, kept, pooled
from idiolect.types import Record, Request, State, User


@dataclass
class MORLHF(Method):
    """A LoRA of `rank` for every vector of `objectives` in multiples of 1 / `between`, all improved together.

    Each of `steps` draws `group` answers to each of `questions` for every vector; `beta` is the weight of the divergence.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "train"})
    reads: ClassVar[frozenset[str]] = READ
    quotes: ClassVar[bool] = False
    objectives: tuple[str, ...] = ("brief", "thorough")
    between: int = 4
    rank: int = 8
    steps: int = 40
    questions: int = 8
    group: int = 4
    lr: float = 2e-3
    beta: float = 0.1
    drawn: int = 6
    asked: int = 96
    answer_tokens: int = 32
    newest: int = 24
    sharpness: float = 1.0
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        draws = Draws(self.asked, self.newest, self.drawn, self.answer_tokens, seed=self.seed)
        pool = pooled(lm, users, self.objectives, draws)
        vectors = lattice(len(self.objectives), self.between)
        policy = Alone(lora(lm, len(vectors), self.rank, 2.0 * self.rank, MODULES, Plan(seed=self.seed)))
        fixed = np.repeat(vectors[:, None], self.questions, axis=1)
        plan = Ascent(self.steps, self.questions, self.group, "reinforce", self.lr, self.beta, tokens=self.answer_tokens, seed=self.seed)
        judge = counting(self.objectives, pool.scale)
        learnt = improved(lm, policy, [pool.requests] * len(vectors), judge, lambda step: fixed, plan)
        names = ["morlhf " + "/".join(f"{weight:g}" for weight in vector) for vector in vectors]
        self.shared = kept(pool.scale, [policy.inner.adapter(own, name) for own, name in zip(learnt, names, strict=True)])

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        return weights_of(users, self.objectives, self.shared, self.sharpness)

    def observe(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        return self.enroll([user], lm)[0]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        policies, weights = adapters(self.shared), asked_for(request, state, self.objectives)
        if not policies:
            return request
        apart = np.abs(lattice(len(self.objectives), self.between) - weights).sum(axis=1)
        return request.bent(adapters={policies[int(apart.argmin())]: 1.0})
