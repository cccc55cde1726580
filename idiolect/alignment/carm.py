"""CARM: of several answers, the one that a reward model which reads what is known of the person in words finds best for them.

Pitis, Xiao, Le Roux, Sordoni. Improving Context-Aware Preference Modeling for Language Models. NeurIPS 2024, arXiv:2407.14916.

A Bradley-Terry reward over question, context and answer, learnt of everybody's choices, each beside what its person had shown before it;
a share is also learnt without context, so that a stranger's answers are judged too. Departs from the paper: the context is not a
criterion that is given but the person's corrections and the records nearest to the question; the reward is linear in embeddings and in
what is counted, and in how these meet the context, where the paper tunes a model of 7 B parameters. No code was released.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.retrieval import rank
from idiolect.training.comparisons import PREFERRING, best, preferences, several, sides
from idiolect.training.reward_models import RewardModel, bradley_terry, features
from idiolect.types import WRITTEN, Floats, History, Record, Reply, Request, State, User
from idiolect.wording import clip

CORRECTIONS, WORDS = 4, 40  # a person's last corrections, and words of each record, in the context


@dataclass
class CARM(Method):
    """`drawn` answers beside the greedy one; contexts of `k` records and the last corrections, `dropped` the share without them.

    Each person teaches `newest` comparisons; the reward is held to 0 by `hold`.
    """

    reads: ClassVar[frozenset[str]] = WRITTEN | PREFERRING | {"correction"}
    k: int = 4
    drawn: int = 4
    temperature: float = 0.8
    newest: int = 24
    dropped: float = 0.25
    hold: float = 3.0
    embedder: str = "hash"
    answer_tokens: int = 32
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        taught = preferences(users, lm, self.newest, self.answer_tokens)
        told = [
            (one, self._context(user.records.before(one.record), one.question)[0])
            for user, own in zip(users, taught, strict=True)
            for one in own
        ]
        chance = np.random.default_rng(self.seed)
        told += [(one, "") for one, _ in told if chance.random() < self.dropped]
        if told:
            better, worse = sides([one for one, _ in told], self.embedder, [context for _, context in told])
            self.shared = State(arrays=RewardModel(bradley_terry(better, worse, self.hold)[:, None]).as_arrays())

    def personalize(self, state: State, request: Request, lm: LM) -> Request | Reply:
        if not self.shared.arrays:
            return request
        context, near = self._context(state.records, request.question)
        replies = lm.generate(several(request, self.drawn, self.temperature))
        worth = self.worth(request.question, [reply.text for reply in replies], context)
        return best(replies, worth, because=[f"record:{record.id}" for record in near])

    def worth(self, question: str, answers: Sequence[str], context: str = "") -> Floats:
        """(answers,): the reward of each answer for whom `context` describes; "" for anybody."""
        seen = features([question] * len(answers), answers, self.embedder, [context] * len(answers))
        made: Floats = RewardModel.from_arrays(self.shared.arrays).scores(seen)[:, 0]
        return made

    def _context(self, records: History, question: str) -> tuple[str, list[Record]]:
        """What is known of the person in words, and the records that it comes from."""
        corrections = list(records.of({"correction"}))[-CORRECTIONS:]
        near = [*corrections, *(rank(records.of(WRITTEN | {"choice"}), "bm25").search(question, self.k) if self.k else [])]
        return "\n".join(clip(record.answer, WORDS) for record in near), near
