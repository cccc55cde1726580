"""LoRA-XS: a small square matrix of the person's own between fixed factors of each module's weight, over an adapter for the task.

Bałazy, Banaei, Aberer, Tabor. LoRA-XS: Low-Rank Adaptation with Extremely Small Number of Parameters. 2024, arXiv:2405.17604.
The rung "one adapter a person" of PEFT-U (Clarke et al., 2024, arXiv:2407.18078), where what is kept of a person must be small.

Departs from the paper: the matrix starts at zero in place of tiny random numbers, so that nothing learnt changes nothing; it stands
over a task adapter that everybody taught, and questions are told earlier records, both as in OPPU (Tan et al., arXiv:2402.04401).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import quoting
from idiolect.training.loop import Plan
from idiolect.training.pairs import pairs, together
from idiolect.training.sft import sft
from idiolect.training.xs import between, factors, joined
from idiolect.types import Request, State, User


@dataclass
class LoRAXS(Method):
    """`rank` x `rank` numbers a module for each person; `k` earlier records are told, in training as in use."""

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "train"})
    k: int = 1
    rank: int = 8
    modules: tuple[str, ...] = ("q_proj", "v_proj")
    lr: float = 1e-2
    epochs: int = 2
    batch: int = 4
    newest: int = 24
    task_rank: int = 8
    shared_pairs: int = 384
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        everyone = together(users, self.k, self.newest, self.shared_pairs, self.seed)
        plan = Plan(lr=2e-3, epochs=self.epochs, batch=16, seed=self.seed)
        task = sft(lm, [everyone], rank=self.task_rank, alpha=self.task_rank, modules=self.modules, plan=plan, names=["task"])[0]
        self.shared = State(adapter=task, arrays=factors(lm, self.modules, self.rank))

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        plan = Plan(lr=self.lr, epochs=self.epochs, batch=self.batch, weight_decay=0.0, seed=self.seed)
        jobs = [[(self._over_the_task(r), answer) for r, answer in pairs(user, self.k, self.newest)] for user in users]
        made = between(lm, jobs, self.shared.arrays or factors(lm, self.modules, self.rank), plan)
        kept = [self.quotable(user) for user in users]
        return [State(arrays=own, records=r) for own, r in zip(made, kept, strict=True)]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        fixed = self.shared.arrays or factors(lm, self.modules, self.rank)
        own = {joined(fixed, state.arrays, "own"): 1.0} if state.arrays else {}
        return self._over_the_task(quoting(request, state.records, self.k, lm)).bent(adapters=own)

    def _over_the_task(self, request: Request) -> Request:
        return request.bent(adapters={self.shared.adapter: 1.0} if self.shared.adapter else {})
