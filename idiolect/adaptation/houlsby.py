"""Houlsby: bottleneck adapters, a small network of the person's own behind every attention and feed-forward sub-layer.

Houlsby, Giurgiu, Jastrzebski, Morrone, de Laroussilhe, Gesmundo, Attariyan, Gelly. Parameter-Efficient Transfer Learning for NLP.
ICML 2019, arXiv:1902.00751. The default among the adapters a person that PEFT-U compares (Clarke et al., 2024, arXiv:2407.18078). With
`modules` of ("down_proj",) it is the lighter one of Pfeiffer et al. (EACL 2021, arXiv:2005.00247), behind the feed-forward alone.

Departs from the papers: relu, as in Pfeiffer et al., where Houlsby et al. name no nonlinearity and PEFT-U's library takes swish; the way
up starts at zero and the way down as LoRA's A, in place of both at random near zero, so that nothing learnt changes nothing; layer norms
stay as they are; the bottlenecks stand over a task adapter that everybody taught, and questions are told earlier records, both as in OPPU
(Tan et al., arXiv:2402.04401).
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
from idiolect.training.series import bottlenecks
from idiolect.training.sft import sft
from idiolect.types import Request, State, User


@dataclass
class Houlsby(Method):
    """Bottlenecks of `size` units behind each of `modules`; `k` earlier records are told, in training as in use."""

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "train"})
    k: int = 1
    size: int = 16
    modules: tuple[str, ...] = ("o_proj", "down_proj")
    lr: float = 1e-3
    epochs: int = 2
    batch: int = 4
    newest: int = 24
    task_rank: int = 8
    shared_pairs: int = 384
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        everyone = together(users, self.k, self.newest, self.shared_pairs, self.seed)
        plan = Plan(lr=2e-3, epochs=self.epochs, batch=16, seed=self.seed)
        task = sft(lm, [everyone], rank=self.task_rank, alpha=self.task_rank, plan=plan, names=["task"])[0]
        self.shared = State(adapter=task)

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        plan = Plan(lr=self.lr, epochs=self.epochs, batch=self.batch, seed=self.seed)
        jobs = [[(self._over_the_task(r), answer) for r, answer in pairs(user, self.k, self.newest)] for user in users]
        made = bottlenecks(lm, jobs, size=self.size, plan=plan, modules=self.modules, names=["own"] * len(users))
        return [State(adapter=own, records=self.quotable(user)) for own, user in zip(made, users, strict=True)]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        own = {state.adapter: 1.0} if state.adapter else {}
        return self._over_the_task(quoting(request, state.records, self.k, lm)).bent(adapters=own)

    def _over_the_task(self, request: Request) -> Request:
        return request.bent(adapters={self.shared.adapter: 1.0} if self.shared.adapter else {})
