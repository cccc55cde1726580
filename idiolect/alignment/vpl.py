"""VPL: of several answers, the one that is worth most to a latent vector, inferred from a few of the person's comparisons.

Poddar, Wan, Ivison, Gupta, Jaques. Personalizing Reinforcement Learning from Human Feedback with Variational Preference Learning.
NeurIPS 2024, arXiv:2408.10075.

A newcomer's vector comes from what they compared, without training. Departs from the paper: answers are chosen, where the paper goes on
to tune the model; answers are embedded sentences, and not a tuned model's states. Departs from the released code: there the vector is
scaled to one length while it learns and left as it is in use, and one of its calls does not run; here it is never scaled, and the
context of a pair never holds that pair. A posterior that collapses knows nobody: `latent.active` counts the units in use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.training import latent
from idiolect.training.comparisons import PREFERRING, Comparison, best, compared, preferences, several, sides
from idiolect.training.reward_models import features
from idiolect.types import WRITTEN, Floats, Record, Reply, Request, State, User


@dataclass
class VPL(Method):
    """`drawn` answers beside the greedy one; a vector of `size` from the `newest` comparisons, the divergence weighed by `weight`."""

    reads: ClassVar[frozenset[str]] = WRITTEN | PREFERRING
    quotes: ClassVar[bool] = False
    drawn: int = 4
    temperature: float = 0.8
    newest: int = 24
    size: int = 16
    hidden: int = 64
    weight: float = 1e-3
    steps: int = 400
    cycle: int = 100
    rate: float = 1e-3
    embedder: str = "hash"
    answer_tokens: int = 32
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        people = [sides(own, self.embedder) for own in preferences(users, lm, self.newest, self.answer_tokens)]
        plan = latent.Plan(self.size, self.hidden, self.weight, self.cycle, steps=self.steps, rate=self.rate, seed=self.seed)
        self.shared = State(arrays=latent.learnt(people, plan))

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        if not self.shared.arrays:
            return super().enroll(users, lm)
        return [State(arrays=self._vector(own)) for own in preferences(users, lm, self.newest, self.answer_tokens)]

    def observe(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        stated = compared(user.records)[-self.newest :]
        return replace(state, arrays=self._vector(stated)) if stated and self.shared.arrays else state

    def personalize(self, state: State, request: Request, lm: LM) -> Request | Reply:
        if not self.shared.arrays:
            return request
        replies = lm.generate(several(request, self.drawn, self.temperature))
        return best(replies, self.worth(state, request.question, [reply.text for reply in replies]))

    def worth(self, state: State, question: str, answers: Sequence[str]) -> Floats:
        """(answers,): the reward of each answer for this person; without comparisons of theirs, for the middle of all people."""
        seen = features([question] * len(answers), answers, self.embedder)
        return latent.rewards(self.shared.arrays, seen, state.arrays.get("vector", self._vector([])["vector"]))

    def _vector(self, own: Sequence[Comparison]) -> dict[str, Floats]:
        return {"vector": latent.inferred(self.shared.arrays, *sides(own, self.embedder))}
