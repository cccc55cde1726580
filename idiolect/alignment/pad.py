"""PAD: of the base model's likeliest tokens, the one that a reward model told the person's preferences likes best takes the lead.

Chen, Zhang, Luo, Chai, Liu. PAD: Personalized Alignment of LLMs at Decoding-Time. ICLR 2025, arXiv:2410.04070.

Candidates are the `top` likeliest tokens of the base model; a candidate's score is its base log-probability plus `strength` times what the
reward model, an adapter under a text of preferences, gives it above the base model: (1 - strength) base + strength reward model, but for a
constant. At 0 it is the base model; at 1 the reward model, among the base model's candidates.

Departs from the paper: preferences are weights of objectives, the person's own or asked for, put in words; the reward model is one LoRA,
taught by what people preferred, told their words, and by drawn answers that each objective ranks, told its words, in place of two stages
with a layer of its own before the head. A request at a temperature draws from the scores; the paper takes the best. As in the released
code, rewards are above the base model without the text, not above the reward model's reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.training.choices import PREFERRING, Taking, preferences_together
from idiolect.training.conditions import lines
from idiolect.training.loop import Plan
from idiolect.training.preference import DPO, Preference, prefer
from idiolect.training.rewards import asked_for, known, weighed, weights_of
from idiolect.training.specialized import Draws, pooled
from idiolect.types import Adapter, Floats, Guide, Record, Request, State, User

HEADING = "What the answer is to be like:"


@dataclass
class PAD(Method):
    """A LoRA of `rank` on `modules` is the reward model, taught by `shared_pairs` preferences and `drawn` answers to `asked` questions."""

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "guide", "train"})
    reads: ClassVar[frozenset[str]] = PREFERRING | {"rating"}
    quotes: ClassVar[bool] = False
    objectives: tuple[str, ...] = ("brief", "thorough")
    strength: float = 0.8
    top: int = 10
    drawn: int = 6
    asked: int = 96
    answer_tokens: int = 32
    beta: float = 0.1
    rank: int = 8
    modules: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj")
    lr: float = 2e-3
    epochs: int = 2
    newest: int = 24
    shared_pairs: int = 192
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        names = known(self.objectives)
        draws = Draws(self.asked, self.newest, self.drawn, self.answer_tokens, seed=self.seed)
        pool = pooled(lm, users, names, draws)
        self.shared = State(arrays=pool.scale.arrays)
        people = weights_of(users, names, self.shared)
        taking = Taking(0, self.newest, self.answer_tokens, at_most=self.shared_pairs, seed=self.seed)
        taken, whose = preferences_together(lm, users, taking)
        pairs = [self._told(pair, weighed(names, {}, people[who].numbers)) for pair, who in zip(taken, whose, strict=True)]
        for place, alone in enumerate(np.eye(len(names))):
            pairs += [self._told(pair, alone) for pair in pool.pairs(place)]
        plan = Plan(lr=self.lr, epochs=self.epochs, batch=16, seed=self.seed)
        made = prefer(lm, [pairs], DPO(self.beta), rank=self.rank, alpha=2.0 * self.rank, modules=self.modules, plan=plan)[0]
        self.shared = State(adapter=Adapter(made.modules, made.scale, "reward model"), arrays=pool.scale.arrays)

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        made = weights_of(users, self.objectives, self.shared)
        return [state if user.records else State() for state, user in zip(made, users, strict=True)]

    def observe(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        return self.enroll([user], lm)[0]  # weights are counted: no model is asked

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        if not self.shared.adapter or not (state.numbers or request.weights):
            return request
        weights = asked_for(request, state, self.objectives)
        liked = self._wording(request, weights).bent(adapters={self.shared.adapter: 1.0})
        return request.bent(guide=Guide((liked,), (1 - self.strength, self.strength), judge=0, top=self.top))

    def _told(self, pair: Preference, weights: Floats) -> Preference:
        return self._wording(pair[0], weights), *pair[1:]

    def _wording(self, request: Request, weights: Floats) -> Request:
        """The request told, for each objective, what is wanted of it where that is far from an equal share."""
        others = (1 - weights) / max(len(weights) - 1, 1)
        said = lines(dict(zip(self.objectives, (weights / (weights + others)).tolist(), strict=True)))  # 1/2 where all weigh the same
        return request.told("\n".join([HEADING, *said]) if said else "", because=[f"condition:{' '.join(said)}"] if said else [])
