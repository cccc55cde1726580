"""P-RLHF: a soft prompt for each user beside a LoRA that all users share, both learnt from what users prefer.

Li, Zhou, Lipton, Leqi. Personalized Language Modeling from Personalized Human Feedback. 2024, arXiv:2402.05133.

P-DPO: each preference is read twice, as its user's and as anybody's, and compared with the model that has neither prompt nor LoRA.
A user's prompt is the generic user's and their own added, or a mixture of `clusters`. Departs from the paper: a user's own numbers
are learnt after the rest and alone, also for those who taught the rest, so that they are a function of their records; a mixture begins
at the generic user's; the prompt stands before the first token of all; user texts are `k` earlier records; higher learning rates. In
the released code the user's number travels inside the text, and generic copies of one data set lose the user's text: neither is so here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import quoting
from idiolect.training.choices import PREFERRING, Taking, preferences_of, preferences_together
from idiolect.training.loop import Plan
from idiolect.training.preference import DPO
from idiolect.training.user_prompts import Table, everybody, own, prompt
from idiolect.types import WRITTEN, Prefix, Request, State, User


@dataclass
class PRLHF(Method):
    """Prompts of `length` vectors, of each user's own or mixed of `clusters`; what a preference teaches as its user's counts `share`."""

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "prefix", "train"})
    reads: ClassVar[frozenset[str]] = PREFERRING
    k: int = 1
    length: int = 10
    clusters: int = 0
    share: float = 0.5
    beta: float = 0.5
    rank: int = 8
    lr: float = 1e-3
    own_lr: float = 1e-2
    epochs: int = 2
    own_epochs: int = 3
    batch: int = 4
    newest: int = 24
    shared_pairs: int = 192
    answer_tokens: int = 32
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        everyone, owners = preferences_together(lm, users, self._taking)
        plan = Plan(lr=self.lr, epochs=self.epochs, batch=16, weight_decay=0.0, seed=self.seed)
        table = Table(self.length, self.clusters, self.share)
        adapter, arrays = everybody(lm, everyone, owners, table, DPO(self.beta), self.rank, plan)
        self.shared = State(adapter=adapter, arrays=arrays)

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        if not self.shared.adapter:
            return [State(records=self.quotable(user)) for user in users]
        plan = Plan(lr=self.own_lr, epochs=self.own_epochs, batch=self.batch, weight_decay=0.0, seed=self.seed)
        jobs = preferences_of(lm, users, self._taking)
        made = own(lm, jobs, self.shared.adapter, self.shared.arrays, DPO(self.beta), plan)
        return [State(arrays={"own": numbers}, records=self.quotable(user)) for numbers, user in zip(made, users, strict=True)]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        told = quoting(request, state.records.of(WRITTEN), self.k, lm)
        if not self.shared.adapter:
            return told
        vectors = prompt(self.shared.arrays, state.arrays.get("own"))
        return told.bent(adapters={self.shared.adapter: 1.0}, prefix=Prefix(vectors, "p_rlhf") if len(vectors) else None)

    @property
    def _taking(self) -> Taking:
        return Taking(self.k, self.newest, self.answer_tokens, at_most=self.shared_pairs, seed=self.seed)
