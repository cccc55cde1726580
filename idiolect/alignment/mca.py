"""MCA: for each objective a prompt that serves it is set against one that defies it, and what they differ in decides the next token.

Fu, Hou, McAuley, Yan. Unlocking Decoding-time Controllability: Gradient-Free Multi-Objective Alignment with Contrastive Prompts.
NAACL 2025, arXiv:2408.05094. No code was released.

With w the weights and p+ and p- the probabilities under an objective's two prompts, a token is drawn in proportion to sum of w p+ / p-: a
mean of ratios, not of their logarithms. Candidates are the tokens at least `plausible` as likely as the likeliest.

Departs from the paper: the likelihoods that candidates are judged by are the mean over the objectives' serving prompts, weighted, which the
paper leaves open; rewards are counted; prompts quote the best and the worst of the model's own answers to fixed questions and say what is
wanted in a fixed sentence, in place of an instruction that a large model writes in rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.training.choices import PREFERRING
from idiolect.training.contrasts import contrasts
from idiolect.training.rewards import asked_for, known, weights_of
from idiolect.training.specialized import Draws
from idiolect.types import Guide, Record, Request, State, User


@dataclass
class MCA(Method):
    """Prompts of `objectives` that quote `shown` answers each, of `drawn` to each of `asked` fixed questions."""

    needs: ClassVar[frozenset[str]] = frozenset({"guide"})
    reads: ClassVar[frozenset[str]] = PREFERRING | {"rating"}
    quotes: ClassVar[bool] = False
    objectives: tuple[str, ...] = ("brief", "thorough")
    plausible: float = 0.1
    drawn: int = 4
    asked: int = 12
    shown: int = 2
    answer_tokens: int = 48
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        draws = Draws(self.asked, each=self.drawn, tokens=self.answer_tokens, seed=self.seed)
        made, scale = contrasts(lm, known(self.objectives), draws, self.shown)
        both = (State(parts=(State(text=one.expert), State(text=one.adversary))) for one in made)
        self.shared = State(parts=tuple(both), arrays=scale.arrays)

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        made = weights_of(users, self.objectives, self.shared)
        return [state if user.records else State() for state, user in zip(made, users, strict=True)]

    def observe(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        return self.enroll([user], lm)[0]  # weights are counted: no model is asked

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        if not self.shared.parts or not (state.numbers or request.weights):
            return request
        weights = asked_for(request, state, self.objectives)
        triples = zip(self.objectives, weights.tolist(), self.shared.parts, strict=True)
        held = [(name, weight, both.parts) for name, weight, both in triples if weight]
        first, *experts = [request.told(serving.text, because=[f"condition:{name}"]) for name, _, (serving, _) in held]
        adversaries = [request.told(defying.text) for _, _, (_, defying) in held]
        count = len(held)
        shares = (*(weight for _, weight, _ in held), *[0.0] * count)
        against = tuple(count + place % count for place in range(2 * count))
        return first.bent(guide=Guide((*experts, *adversaries), shares, "ratios", against, judge=None, plausible=self.plausible))
