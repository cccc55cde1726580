"""PLUM: one adapter for each person, which remembers past conversations through questions and answers about them.

Magister, Metcalf, Zhang, ter Hoeve. On the Way to LLM Personalization: Learning to Remember User Conversations.
L2M2 2025, arXiv:2411.13405.

Departs from the paper: questions about a conversation are filled into fixed forms, and written by the model only where `written` asks
for it, since a small model cannot; what was not said is another answer of the person's own; all conversations are learnt together,
and anew when one is added, in place of one after another without replay; fewer epochs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.training.augment import remembered, taught
from idiolect.training.loop import Pair, Plan
from idiolect.training.pairs import pairs
from idiolect.training.weighted import weighted
from idiolect.types import Request, State, User


@dataclass
class PLUM(Method):
    """LoRA of `rank` on `modules`; a question's tokens weigh `question` in the loss, an answer's `answer`; nothing is quoted in use."""

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "train"})
    quotes: ClassVar[bool] = False
    written: int = 0
    question: float = 0.2
    answer: float = 1.0
    rank: int = 8
    modules: tuple[str, ...] = ("q_proj", "v_proj")
    lr: float = 5e-4
    epochs: int = 2
    batch: int = 8
    newest: int = 16
    seed: int = 0

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        plan = Plan(lr=self.lr, epochs=self.epochs, batch=self.batch, seed=self.seed)
        jobs = [self._lessons(user, lm) for user in users]
        made = weighted(lm, jobs, question=self.question, answer=self.answer, rank=self.rank, modules=self.modules, plan=plan)
        return [State(adapter=own) for own in made]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        return request.bent(adapters={state.adapter: 1.0} if state.adapter else {})

    def _lessons(self, user: User, lm: LM) -> list[Pair]:
        """Each conversation itself, and what is asked about it."""
        talks = user.records.newest(self.newest)
        forms = [pair for record in talks for pair in remembered(record, user.records.before(record), self.seed)]
        written = [pair for found in taught(lm, talks, self.written) for pair in found]
        return pairs(user, 0, self.newest) + forms + written
