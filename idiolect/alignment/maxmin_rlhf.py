"""MaxMin-RLHF: of several answers, the one that serves best the group of people who are served worst.

Chakraborty, Qiu, Yuan, Koppel, Huang, Manocha, Bedi, Wang. MaxMin-RLHF: Alignment with Diverse Human Preferences. ICML 2024,
arXiv:2402.08925.

A reward for each of several groups, found by hard EM over people's comparisons. `aggregate` "group" is the paper's: the group whose
answers are worth least on average decides; "sample" is what the released code does: the answer whose least reward is greatest; "own" is
ours: the person's own group decides. Departs from the paper: answers are chosen, where the paper tunes the model by PPO. Departs from
the released code: rewards are normalised on all answers of the comparisons first, without which a least of them means nothing, and a
group that nobody is left in takes somebody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from idiolect.errors import MethodError
from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.training.comparisons import PREFERRING, Comparison, best, compared, preferences, several, sides
from idiolect.training.populations import groups, likelihoods
from idiolect.training.reward_models import RewardModel, features
from idiolect.types import WRITTEN, Floats, Record, Reply, Request, State, User

AGGREGATES = ("group", "sample", "own")


@dataclass
class MaxMinRLHF(Method):
    """`drawn` answers beside the greedy one; `groups` rewards, held by `hold`, made comparable by `normalised` ("center" or "zscore")."""

    reads: ClassVar[frozenset[str]] = WRITTEN | PREFERRING
    quotes: ClassVar[bool] = False
    drawn: int = 4
    temperature: float = 0.8
    newest: int = 24
    groups: int = 2
    aggregate: str = "group"
    normalised: str = "zscore"
    hold: float = 3.0
    embedder: str = "hash"
    answer_tokens: int = 32
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        people = [sides(own, self.embedder) for own in preferences(users, lm, self.newest, self.answer_tokens)]
        if any(len(better) for better, _ in people):
            heads = groups([better - worse for better, worse in people], self.groups, self.hold, seed=self.seed).heads
            sample = np.concatenate([side for both in people for side in both])
            self.shared = State(arrays=RewardModel(heads).normalised(self.normalised, sample).as_arrays())

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        if not self.shared.arrays:
            return super().enroll(users, lm)
        return [State(arrays=self._fits(own)) for own in preferences(users, lm, self.newest, self.answer_tokens)]

    def observe(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        stated = compared(user.records)[-self.newest :]
        return replace(state, arrays=self._fits(stated)) if stated and self.shared.arrays else state

    def personalize(self, state: State, request: Request, lm: LM) -> Request | Reply:
        if not self.shared.arrays:
            return request
        replies = lm.generate(several(request, self.drawn, self.temperature))
        seen = features([request.question] * len(replies), [reply.text for reply in replies], self.embedder)
        return best(replies, self.worth(state, RewardModel.from_arrays(self.shared.arrays), seen))

    def worth(self, state: State, model: RewardModel, seen: Floats) -> Floats:
        """(answers,): what seen (answers, features) are worth by `aggregate`. Raises MethodError for rewards that are not normalised."""
        if self.aggregate not in AGGREGATES:
            raise MethodError(f"rewards are aggregated by {', '.join(AGGREGATES)}, not by {self.aggregate!r}")
        rewards = model.scores(seen)
        if self.aggregate == "own" and "fits" in state.arrays:
            return rewards[:, int(state.arrays["fits"].argmax())]
        if self.aggregate == "sample":
            return model.normalisation.least(rewards)
        return rewards[:, model.normalisation.worst_off(rewards)]

    def _fits(self, own: Sequence[Comparison]) -> dict[str, Floats]:
        """How likely the person's comparisons are by each group's reward."""
        better, worse = sides(own, self.embedder)
        return {"fits": likelihoods(self.shared.arrays["weights"], better - worse)} if own else {}
