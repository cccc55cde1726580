"""One4All: one adapter for everybody, which learns to use the records that are quoted to it.

The shared rung of the ladder in Clarke, Heng, Tang, Mars. PEFT-U: Parameter-Efficient Fine-Tuning for User Personalization.
2024, arXiv:2407.18078.

Departs from the paper: questions are told the person's nearest records in place of a user id put before the text, which says
nothing of a person not seen in training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import quoting
from idiolect.training.loop import Plan
from idiolect.training.pairs import together
from idiolect.training.sft import sft
from idiolect.types import Request, State, User


@dataclass
class One4All(Method):
    """One LoRA of `rank` on `modules`, trained on at most `shared_pairs` pairs of all users; `k` records are quoted."""

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "train"})
    k: int = 2
    rank: int = 16
    modules: tuple[str, ...] = ("q_proj", "v_proj")
    lr: float = 2e-3
    epochs: int = 2
    newest: int = 32
    shared_pairs: int = 512
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        everyone = together(users, self.k, self.newest, self.shared_pairs, self.seed)
        plan = Plan(lr=self.lr, epochs=self.epochs, batch=16, seed=self.seed)
        self.shared = State(adapter=sft(lm, [everyone], rank=self.rank, alpha=self.rank, modules=self.modules, plan=plan)[0])

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        shared = {self.shared.adapter: 1.0} if self.shared.adapter else {}
        return quoting(request, state.records, self.k, lm).bent(adapters=shared)
