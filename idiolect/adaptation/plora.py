"""PLoRA: one adapter for everybody, with a vector of the person's own inside its bottleneck.

Zhang, Wang, Yu, Xu, Zhang. Personalized LoRA for Human-Centered Text Understanding. AAAI 2024, arXiv:2403.06208.

To the output of an adapted module s B (A x + P e) is added, e being the person's vector, zero for newcomers and left out at random
in training. Departs from the paper: only the last module of each block is adapted, where the person's term is a steering vector; a
person's vector is learnt after the rest and alone, also for those who taught the rest, so that it is a function of their records;
questions are told `k` earlier records; the term that ties answers with and without the person is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import quoting
from idiolect.training import bottleneck
from idiolect.training.loop import Plan
from idiolect.training.owners import owned
from idiolect.training.pairs import pairs
from idiolect.types import Adapter, Request, State, Steering, User


@dataclass
class PLoRA(Method):
    """A shared LoRA of `rank`, and `size` numbers for each person, from their `newest` records."""

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "steering", "train"})
    k: int = 1
    rank: int = 8
    size: int = 32
    drop: float = 0.3
    lr: float = 2e-3
    own_lr: float = 5e-2
    epochs: int = 2
    own_epochs: int = 3
    batch: int = 4
    newest: int = 24
    shared_pairs: int = 384
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        everyone, owners = owned(users, self.k, self.newest, self.shared_pairs, self.seed)
        plan = Plan(lr=self.lr, epochs=self.epochs, batch=16, seed=self.seed)
        adapter, maps = bottleneck.shared(lm, everyone, owners, rank=self.rank, size=self.size, drop=self.drop, plan=plan)
        self.shared = State(adapter=adapter, arrays={"maps": maps})

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        if not self.shared.arrays:
            return [State(records=user.records) for user in users]
        told = [pairs(user, self.k, self.newest) for user in users]
        jobs = [[(request.bent(adapters=self._common()), answer) for request, answer in job] for job in told]
        plan = Plan(lr=self.own_lr, epochs=self.own_epochs, batch=self.batch, weight_decay=0.0, seed=self.seed)
        made = bottleneck.own(lm, jobs, self.shared.arrays["maps"], plan)
        return [State(arrays={"own": vector}, records=user.records) for vector, user in zip(made, users, strict=True)]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        told = quoting(request, state.records, self.k, lm).bent(adapters=self._common())
        own = state.arrays.get("own")
        if own is None or not own.any():
            return told
        moves = self.shared.arrays["maps"].astype(np.float64) @ own  # (blocks, width); in double, so that one state is one request
        return told.bent(steering=[Steering(layer, move.astype(np.float32), "all", "plora") for layer, move in enumerate(moves)])

    def _common(self) -> dict[Adapter, float]:
        return {self.shared.adapter: 1.0} if self.shared.adapter else {}
