"""CLP: one policy for all preference vectors, whose weights are a shared part and, in the person's shares, a part for each objective.

Wang, Kidambi, Sullivan, Agarwal, Dann, Michi, Gelmi, Li, Gupta, Dubey, Ramé, Ferret, Cideron, Hou, Yu, Ahmed, Mehta, Hussenot, Bachem,
Leurent. Conditional Language Policy: A General Framework for Steerable Multi-Objective Finetuning. Findings of EMNLP 2024,
arXiv:2407.15762. Every question of a step is answered under weights drawn anew, and REINFORCE with a baseline raises the weighted rewards
less the divergence from the model: trained at the corners of the simplex alone (`alpha=0`) it is rewarded soups.

Departs from the paper: the parameters that are conditioned are LoRAs on the attention's projections (its attn-CLP); the weight of the
divergence is fixed and not drawn as well; the baseline is the mean of the other answers to the question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.training.directions import dirichlet
from idiolect.training.loop import Plan
from idiolect.training.policy import Ascent, counting, improved
from idiolect.training.rewards import READ, asked_for, weights_of
from idiolect.training.sft import lora
from idiolect.training.slots import Sums, mixed
from idiolect.training.specialized import MODULES, Draws, adapters, kept, pooled
from idiolect.types import Floats, Record, Request, State, User


@dataclass
class CLP(Method):
    """LoRAs of `rank`, one shared and one for each of `objectives`; weights are drawn from a Dirichlet distribution of `alpha`.

    Each of `steps` draws `group` answers to each of `questions`; `beta` is the weight of the divergence.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "train"})
    reads: ClassVar[frozenset[str]] = READ
    quotes: ClassVar[bool] = False
    objectives: tuple[str, ...] = ("brief", "thorough")
    rank: int = 8
    alpha: float = 1.0
    steps: int = 60
    questions: int = 16
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
        policy = Sums(lora(lm, 1, self.rank, 2.0 * self.rank, MODULES, Plan(seed=self.seed)), len(self.objectives))
        judge = counting(self.objectives, pool.scale)
        plan = Ascent(self.steps, self.questions, self.group, "reinforce", self.lr, self.beta, tokens=self.answer_tokens, seed=self.seed)
        learnt = improved(lm, policy, [pool.requests], judge, self._wanted, plan)
        self.shared = kept(pool.scale, policy.split(learnt[0]))

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        return weights_of(users, self.objectives, self.shared, self.sharpness)

    def observe(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        return self.enroll([user], lm)[0]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        parts = adapters(self.shared)
        return request.bent(adapters=mixed(parts, asked_for(request, state, self.objectives)) if parts else {})

    def _wanted(self, step: int) -> Floats:
        chance = np.random.default_rng([self.seed, step])
        return dirichlet(self.questions, len(self.objectives), chance, self.alpha)[None]
