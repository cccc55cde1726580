"""IA3: a number a channel for each person, by which keys, values and the inner activations of feed-forward blocks are scaled.

Liu, Tam, Muqeeth, Mohta, Huang, Bansal, Raffel. Few-Shot Parameter-Efficient Fine-Tuning is Better and Cheaper than In-Context
Learning. NeurIPS 2022, arXiv:2205.05638. One of the adapters a person that PEFT-U compares (Clarke et al., 2024, arXiv:2407.18078).

Departs from the papers: the vectors stand over a task adapter that everybody taught, and questions are told earlier records, both as
in OPPU (Tan et al., arXiv:2402.04401); the losses for answering by choices are left out. A request carries the vectors as an exact
adapter, as large as the weights it scales: what is kept of a person is small, and what is multiplied is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import quoting
from idiolect.training.gains import gains, scaled
from idiolect.training.loop import Plan
from idiolect.training.pairs import pairs, together
from idiolect.training.sft import sft
from idiolect.types import Request, State, User


@dataclass
class IA3(Method):
    """Scales what modules named `given` give and what those named `taken` take; `k` earlier records are told, in training as in use."""

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "train"})
    k: int = 1
    given: tuple[str, ...] = ("k_proj", "v_proj")
    taken: tuple[str, ...] = ("down_proj",)
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
        task = sft(lm, [everyone], rank=self.task_rank, alpha=self.task_rank, modules=("q_proj", "v_proj"), plan=plan, names=["task"])[0]
        self.shared = State(adapter=task)

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        plan = Plan(lr=self.lr, epochs=self.epochs, batch=self.batch, weight_decay=0.0, seed=self.seed)
        jobs = [[(self._over_the_task(r), answer) for r, answer in pairs(user, self.k, self.newest)] for user in users]
        made = gains(lm, jobs, self.given, self.taken, plan)
        return [State(arrays=own, records=self.quotable(user)) for own, user in zip(made, users, strict=True)]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        told = self._over_the_task(quoting(request, state.records, self.k, lm))
        return told.bent(adapters={scaled(lm, state.arrays, "own"): 1.0}) if any(own.any() for own in state.arrays.values()) else told

    def _over_the_task(self, request: Request) -> Request:
        return request.bent(adapters={self.shared.adapter: 1.0} if self.shared.adapter else {})
