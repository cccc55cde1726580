"""MODPO: what people prefer is learnt by DPO beside rewards for other objectives, once for each of several weights.

Zhou, Liu, Shao, Yue, Yang, Ouyang, Qiao. Beyond One-Preference-Fits-All Alignment: Multi-Objective Direct Preference Optimization.
Findings of ACL 2024, arXiv:2310.03708.

The loss is -log sigmoid((beta x log-ratios - w x rewards) / w0): choices count w0, the chosen answer's lead by the other objectives what is
left. Departs from the paper: rewards are counted in an answer (`training.rewards`), as z-scores over all answers of the preferences; w0 is
held at `kept`, and the weights of a request, or the person's own leaning, divide the rest; of the weights that were trained the nearest
are taken; `k` earlier records are told. Who stated no preference prefers what they wrote to what the model drafts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from idiolect.errors import MethodError
from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import quoting
from idiolect.training.choices import PREFERRING, Taking, preferences_together
from idiolect.training.directions import lattice
from idiolect.training.loop import Plan, local
from idiolect.training.preference import Preference, Traded, prefer
from idiolect.training.references import noted
from idiolect.training.rewards import Scale, counted, known, weighed, weights_of
from idiolect.types import WRITTEN, Floats, Record, Request, State, User


@dataclass
class MODPO(Method):
    """People's preferences count `kept`, the `objectives` the rest, in `steps` of which one LoRA each is trained for everybody."""

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "train"})
    reads: ClassVar[frozenset[str]] = PREFERRING | {"rating"}
    objectives: tuple[str, ...] = ("brief", "thorough")
    kept: float = 0.5
    steps: int = 2
    k: int = 1
    rank: int = 8
    beta: float = 0.1
    lr: float = 1e-3
    epochs: int = 2
    newest: int = 24
    shared_pairs: int = 192
    answer_tokens: int = 32
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        if not 0 < self.kept <= 1 or self.steps < 1:
            raise MethodError(f"preferences that count {self.kept} in {self.steps} steps: give more than 0, at most 1, and 1 step or more")
        taking = Taking(self.k, self.newest, self.answer_tokens, at_most=self.shared_pairs, seed=self.seed)
        everyone, _ = preferences_together(lm, users, taking)
        scale = Scale.of(np.concatenate(list(self._worths(everyone))))
        grid = list(lattice(len(known(self.objectives)), self.steps))
        jobs = [[(self._weighing(request, one), chosen, left) for request, chosen, left in everyone] for one in grid]
        chosen, left = (scale.z(worth) for worth in self._worths(everyone))
        rewards = noted(local(lm, "MODPO"), jobs, [list((1 - self.kept) * (chosen - left) @ one) for one in grid])
        plan = Plan(lr=self.lr, epochs=self.epochs, batch=16, seed=self.seed)
        made = prefer(lm, jobs, Traded(self.beta, rewards=rewards, weight=self.kept), rank=self.rank, alpha=2.0 * self.rank, plan=plan)
        parts = tuple(State(adapter=own, arrays={"weights": one}) for own, one in zip(made, grid, strict=True))
        self.shared = State(arrays=scale.arrays, parts=parts)

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        return [State(numbers=self._own(user), records=self.quotable(user)) for user in users]

    def observe(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        return replace(state, numbers=self._own(user), records=self.quotable(user))

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        weights = weighed(known(self.objectives), dict(request.weights), state.numbers)
        told = quoting(request, state.records.of(WRITTEN), self.k, lm)
        if not self.shared.parts:
            return told
        nearest = min(self.shared.parts, key=lambda part: float(np.abs(part.arrays["weights"] - weights).sum()))
        return told.bent(adapters={nearest.adapter: 1.0} if nearest.adapter else {})

    def _own(self, user: User) -> Mapping[str, float]:
        """The person's weights: larger where what they wrote, chose and rated leans. None before `fit`, and of somebody without records."""
        if not self.shared.arrays or not user.records:
            return {}
        return weights_of([user], self.objectives, self.shared)[0].numbers

    def _worths(self, preferences: Sequence[Preference]) -> tuple[Floats, Floats]:
        """What the chosen answers are worth by the objectives, and the rejected ones."""
        names, asked = known(self.objectives), [request.question for request, *_ in preferences]
        return counted(names, asked, [chosen for _, chosen, _ in preferences]), counted(names, asked, [left for *_, left in preferences])

    def _weighing(self, request: Request, weights: Floats) -> Request:
        """Only so that the same preference is told apart in jobs of other weights: the prompt does not change."""
        return request.weighing(dict(zip(self.objectives, weights, strict=True)))
