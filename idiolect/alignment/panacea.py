"""Panacea: one LoRA for all preference vectors, into which the person's weights go as singular values.

Zhong, Ma, Zhang, Yang, Chen, Feng, Qi, Yang. Panacea: Pareto Alignment via Preference Adaptation for LLMs. NeurIPS 2024,
arXiv:2402.02030. A module's change is scale * U diag(s_1 .. s_k, t w_1 .. t w_m) V, all but the weights w learnt; each step draws weights
and makes their aggregation of the objectives' losses less: the weighted sum ("linear") or the greatest weighted loss ("tchebycheff").

Departs from the paper: the losses are those of direct preference optimization, one an objective, on the model's own answers to people's
questions; a step has several vectors, each over the same questions, since weights are applied row by row. The ideal of a loss is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.training.rewards import READ, asked_for, weights_of
from idiolect.training.slots import mixed, slots
from idiolect.training.specialized import MODULES, Draws, adapters, kept, pooled
from idiolect.training.sweep import Sweep, swept
from idiolect.types import Record, Request, State, User


@dataclass
class Panacea(Method):
    """`rank` singular values that all weights share, and a slot for each of `objectives`.

    Each of `steps` has `questions` under each of `vectors` drawn from a Dirichlet distribution of `alpha`.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "train"})
    reads: ClassVar[frozenset[str]] = READ
    quotes: ClassVar[bool] = False
    objectives: tuple[str, ...] = ("brief", "thorough")
    aggregation: Literal["linear", "tchebycheff"] = "linear"
    rank: int = 8
    scale: float | None = None  # None: 512 / rank
    steps: int = 60
    questions: int = 4
    vectors: int = 4
    alpha: float = 1.0
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
        policy = slots(lm, len(self.objectives), rank=self.rank, modules=MODULES, scale=self.scale, seed=self.seed)
        plan = Sweep(self.steps, self.questions, self.vectors, self.alpha, self.lr, self.beta, self.seed)
        self.shared = kept(pool.scale, swept(lm, policy, pool, self.aggregation, plan))

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        return weights_of(users, self.objectives, self.shared, self.sharpness)

    def observe(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        return self.enroll([user], lm)[0]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        parts = adapters(self.shared)
        return request.bent(adapters=mixed(parts, asked_for(request, state, self.objectives)) if parts else {})
