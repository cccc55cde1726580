"""Janus: a system message spells out what a person prefers in four dimensions, and one adapter for everybody learns to obey such messages.

Lee, Park, Kim, Seo. Aligning to Thousands of Preferences via System Message Generalization. NeurIPS 2024, arXiv:2405.17977.

Style is how the person writes, background what they said of themselves, informativeness what the answer is to be like, harmlessness what
must be minded with them. Taught on people's own answers, each told what was known strictly before it and what that answer itself is
like; the loss is on the answer alone.
Departs from the paper: messages are made by rules, where a large model invents three sets of preferences for each of 65,000 instructions
and writes the answers; the message is a system message, where the released model takes it in the user's turn. `drawn` gives the best of
several answers by the weights, as the paper's reward model does; at 0 the answer is the model's first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import build
from idiolect.training.comparisons import best, several
from idiolect.training.conditions import preferences
from idiolect.training.known import known as known_of
from idiolect.training.loop import Pair, Plan
from idiolect.training.pairs import few
from idiolect.training.rewards import Scale, counted, known, weighed, weights_of
from idiolect.training.sft import sft
from idiolect.training.targets import ahead, targets
from idiolect.types import WRITTEN, Floats, History, Record, Reply, Request, State, User, ask


@dataclass
class Janus(Method):
    """A message of the person's manner, `facts` facts from the last `read` records, and the weights of `objectives`; LoRA of `rank`.

    With `drawn` above 0, of so many answers more the one that is worth most by the weights is given.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "train"})
    reads: ClassVar[frozenset[str]] = WRITTEN | {"choice", "rating"}
    objectives: tuple[str, ...] = ("brief", "thorough")
    by: str = "l2"
    facts: int = 6
    read: int = 64
    drawn: int = 0
    temperature: float = 0.9
    rank: int = 16
    modules: tuple[str, ...] = ("q_proj", "v_proj")
    lr: float = 2e-3
    epochs: int = 2
    newest: int = 32
    shared_pairs: int = 384
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        names = known(self.objectives)
        own = [User(user.id, user.records.of(WRITTEN)) for user in users]
        chosen = [(own[who].records, record) for who, record in few(own, self.newest, self.shared_pairs, self.seed)]
        rewards = counted(names, [record.prompt for _, record in chosen], [record.answer for _, record in chosen])
        like = np.round(ahead(rewards), 2)
        pairs = [self._pair(records.before(one), one, shares, lm) for (records, one), shares in zip(chosen, like, strict=True)]
        plan = Plan(lr=self.lr, epochs=self.epochs, batch=16, seed=self.seed)
        adapter = sft(lm, [pairs], rank=self.rank, alpha=self.rank, modules=self.modules, plan=plan, names=["janus"])[0]
        self.shared = State(adapter=adapter, arrays=Scale.of(rewards).arrays)

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        made = weights_of(users, self.objectives, Scale.kept(self.shared, len(self.objectives)))
        return [replace(one, records=user.records) for one, user in zip(made, users, strict=True)]

    def observe(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        return self.enroll([user], lm)[0]  # weights are counted: no model is asked

    def personalize(self, state: State, request: Request, lm: LM) -> Request | Reply:
        weights = weighed(self.objectives, dict(request.weights), state.numbers)
        shares = targets(weights, np.zeros(len(weights)), np.ones(len(weights)), self.by)
        wanted = self._named(shares) if len(state.records) or request.weights else {}
        told = self._told(request, state.records.of(WRITTEN), wanted, lm)
        told = told.bent(adapters={self.shared.adapter: 1.0} if self.shared.adapter else {})
        if self.drawn < 1 or not wanted:  # nothing to choose by
            return told
        replies = lm.generate(several(told, self.drawn, self.temperature))
        texts = [reply.text for reply in replies]
        scale = Scale.kept(self.shared, len(self.objectives))
        return best(replies, scale.z(counted(self.objectives, [request.question] * len(texts), texts)) @ weights)

    def _pair(self, earlier: History, record: Record, like: Floats, lm: LM) -> Pair:
        return self._told(ask(record.prompt), earlier, self._named(like), lm), record.answer

    def _named(self, shares: Floats) -> dict[str, float]:
        return dict(zip(self.objectives, shares.tolist(), strict=True))

    def _told(self, request: Request, records: History, wanted: Mapping[str, float], lm: LM) -> Request:
        """The request with its system message, of what `records` say and what is wanted of the answer."""
        found = known_of(records, request.question, 0, self.facts, self.read)
        return build(request, preferences(found.manner, found.facts, wanted), lm)
