"""SoftPrompt: a few learnt vectors of the person's own stand before the text.

The table look-up case of soft-fused prompting: Lester, Al-Rfou, Constant. The Power of Scale for Parameter-Efficient Prompt
Tuning. EMNLP 2021, arXiv:2104.08691; a generic user that each person starts from: Li, Lipton, Leqi. Personalized Language
Modeling from Personalized Human Feedback (P-RLHF), 2024, arXiv:2402.05133.

Departs from both: the person's vectors start at the generic user's and are trained alone, in place of a sum trained jointly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.training.loop import Plan
from idiolect.training.pairs import pairs, together
from idiolect.training.soft import soft
from idiolect.types import Prefix, Request, State, User


@dataclass
class SoftPrompt(Method):
    """`length` vectors for each person, trained on their `newest` records."""

    needs: ClassVar[frozenset[str]] = frozenset({"prefix", "train"})
    quotes: ClassVar[bool] = False
    length: int = 8
    lr: float = 1e-2
    epochs: int = 3
    batch: int = 4
    newest: int = 24
    shared_pairs: int = 384
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        everyone = together(users, 0, self.newest, self.shared_pairs, self.seed)
        generic = soft(lm, [everyone], length=self.length, plan=self._plan(batch=16))[0]
        self.shared = State(arrays={"generic": generic.vectors})

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        start = Prefix(self.shared.arrays["generic"]) if self.shared.arrays else None
        jobs = [pairs(user, newest=self.newest) for user in users]
        made = soft(lm, jobs, length=self.length, start=start, plan=self._plan(self.batch))
        return [State(arrays={"prefix": own.vectors}) for own in made]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        own = state.arrays.get("prefix")
        return request if own is None else request.bent(prefix=Prefix(own, "soft_prompt"))

    def _plan(self, batch: int) -> Plan:
        return Plan(lr=self.lr, epochs=self.epochs, batch=batch, weight_decay=0.0, seed=self.seed)
