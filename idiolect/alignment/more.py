"""MORE: of several answers, the one that a reward model finds best which was taught by people who disagree, and left none behind.

Zeng, Dai, Cheng, Wang, Hu, Chen, Du, Xu. On Diversified Preferences of Large Language Model Alignment. Findings of EMNLP 2024,
arXiv:2312.07401.

Each step has pairs of every set of preferences; their losses are weighed by the shortest sum of the sets' gradients by the reward's head,
each scaled to length 1 and averaged over steps. Departs from the paper: the sets are groups of people, found by hard EM; answers are
chosen, where the paper goes on to tune the model on chosen ones; a person's own comparisons move a head of their own, held to everybody's
(`own` False: as in the paper). Departs from the released code: the average begins with the first gradients, and not with random weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.training.balanced import Schedule, balanced, inner, own_head
from idiolect.training.comparisons import PREFERRING, Comparison, best, compared, preferences, several, sides
from idiolect.training.populations import groups
from idiolect.training.reward_models import features
from idiolect.types import WRITTEN, Floats, Record, Reply, Request, State, User


@dataclass
class MORE(Method):
    """`drawn` answers beside the greedy one; `sets` groups of people, a reward of `hidden` units, heads held by `hold`."""

    reads: ClassVar[frozenset[str]] = WRITTEN | PREFERRING
    quotes: ClassVar[bool] = False
    drawn: int = 4
    temperature: float = 0.8
    newest: int = 24
    sets: int = 4
    hidden: int = 32
    steps: int = 300
    rate: float = 0.003
    fresh: float = 0.99
    own: bool = True
    hold: float = 3.0
    embedder: str = "hash"
    answer_tokens: int = 32
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        people = [sides(own, self.embedder) for own in preferences(users, lm, self.newest, self.answer_tokens)]
        members = groups([better - worse for better, worse in people], self.sets, self.hold, seed=self.seed).members
        parts = [[own for own, member in zip(people, members, strict=True) if member == one] for one in range(self.sets)]
        joined = [(np.concatenate([b for b, _ in part]), np.concatenate([w for _, w in part])) for part in parts if part]
        schedule = Schedule(self.hidden, self.steps, rate=self.rate, fresh=self.fresh, seed=self.seed)
        self.shared = State(arrays=balanced(joined, schedule))

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        if not self.own or not self.shared.arrays:
            return super().enroll(users, lm)
        return [State(arrays=self._head(own)) for own in preferences(users, lm, self.newest, self.answer_tokens)]

    def observe(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        stated = compared(user.records)[-self.newest :]  # what is compared tells at once; a draft to compare with waits for `update`
        return replace(state, arrays=self._head(stated)) if stated and self.own and self.shared.arrays else state

    def personalize(self, state: State, request: Request, lm: LM) -> Request | Reply:
        if not self.shared.arrays:
            return request
        replies = lm.generate(several(request, self.drawn, self.temperature))
        return best(replies, self.worth(state, request.question, [reply.text for reply in replies]))

    def worth(self, state: State, question: str, answers: Sequence[str]) -> Floats:
        """(answers,): the reward of each answer for this person; without comparisons of theirs, for anybody."""
        head = state.arrays.get("head", self.shared.arrays["head"])
        made: Floats = inner(self.shared.arrays, features([question] * len(answers), answers, self.embedder)) @ head
        return made

    def _head(self, own: Sequence[Comparison]) -> dict[str, Floats]:
        return {"head": own_head(self.shared.arrays, *sides(own, self.embedder), self.hold)} if own else {}
