"""OPPU: one adapter for each person, over an adapter for the task that everybody taught.

Tan, Zeng, Tian, Liu, Yin, Jiang. Democratizing Large Language Models via Personalized Parameter-Efficient Fine-tuning.
EMNLP 2024, arXiv:2402.04401.

Departs from the released code, which trains each person's adapter on all earlier people's records as well: here a person's
adapter sees that person's records only. Departs from the paper: no dropout, so that company changes nothing; higher
learning rates, because the histories here are small; the task adapter stays beside the person's in place of being merged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import quoting
from idiolect.training.loop import Pair, Plan
from idiolect.training.pairs import pairs, together
from idiolect.training.sft import sft
from idiolect.types import Adapter, Request, State, User


@dataclass
class OPPU(Method):
    """LoRA of `rank` on `modules`; questions are told `k` earlier records, in training as in use."""

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "train"})
    k: int = 1
    rank: int = 8
    modules: tuple[str, ...] = ("q_proj", "v_proj")
    lr: float = 2e-3
    epochs: int = 2
    batch: int = 4
    newest: int = 24
    shared_pairs: int = 384
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        everyone = together(users, self.k, self.newest, self.shared_pairs, self.seed)
        self.shared = State(adapter=self._train(lm, [everyone], batch=16)[0])

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        task = self._shares()
        jobs = [[(r.bent(adapters=task), answer) for r, answer in pairs(user, self.k, self.newest)] for user in users]
        return [State(adapter=own, records=user.records) for own, user in zip(self._train(lm, jobs, self.batch), users, strict=True)]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        own = {state.adapter: 1.0} if state.adapter else {}
        return quoting(request, state.records, self.k, lm).bent(adapters=self._shares()).bent(adapters=own)

    def _shares(self) -> dict[Adapter, float]:
        return {self.shared.adapter: 1.0} if self.shared.adapter else {}

    def _train(self, lm: LM, jobs: Sequence[Sequence[Pair]], batch: int) -> list[Adapter]:
        plan = Plan(lr=self.lr, epochs=self.epochs, batch=batch, seed=self.seed)
        return sft(lm, jobs, rank=self.rank, alpha=self.rank, modules=self.modules, plan=plan)
