"""ALOE: one model for everybody learns to answer from a conversation as it would if it had been told who the person is.

Wu, Fung, Qian, Kim, Hakkani-Tur, Ji. Aligning LLMs with Individual Preferences via Interaction. COLING 2025, arXiv:2410.03642.

Of two replies to the same conversation the one that was drawn with what the person has revealed so far is preferred, the one without is
rejected; SFT on the former, then DPO. Departs from the paper: people and their conversations are real records in place of role-played
personas, the conversation is the `k` earlier records that a question is told, and what was revealed is a counted profile and `shown`
strictly earlier records; the model draws both replies itself; a reply that is no nearer to what the person wrote than the one without
turns the pair round (`judged`; a model judges there); there is no tree, and no general data is mixed in; higher learning rates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import build, profile, quoted, quoting
from idiolect.retrieval import rank
from idiolect.retrieval.measures import alike
from idiolect.training.feedback import sample
from idiolect.training.loop import Plan
from idiolect.training.pairs import pair_of
from idiolect.training.preference import DPO, Preference, aligned
from idiolect.types import Record, Request, State, User, ask
from idiolect.wording import describe


@dataclass
class ALOE(Method):
    """LoRAs of `rank` for everybody; a question is told `k` earlier records, and its better reply was drawn with `shown` and a profile."""

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "train"})
    k: int = 1
    shown: int = 6
    judged: bool = True
    rank: int = 8
    beta: float = 0.1
    lr: float = 1e-3
    own_lr: float = 5e-4
    epochs: int = 1
    newest: int = 24
    shared_pairs: int = 192
    answer_tokens: int = 32
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        begin, plan = (Plan(lr=lr, epochs=self.epochs, batch=16, seed=self.seed) for lr in (self.lr, self.own_lr))
        both = aligned(lm, self.pairs(users, lm), DPO(self.beta), self.rank, begin, plan)
        self.shared = State(parts=tuple(State(adapter=adapter) for adapter in both))

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        told = quoting(request, state.records, self.k, lm)
        return told.bent(adapters={part.adapter: 1.0 for part in self.shared.parts if part.adapter})

    def pairs(self, users: Sequence[User], lm: LM) -> list[Preference]:
        """Each question with the reply that knew the person and the one that did not; none where the two are the same."""
        everyone = [(user, record) for user in users for record in user.records.newest(self.newest)]
        asked = sample([one for one in everyone if len(one[0].records.before(one[1]))], self.shared_pairs, self.seed)
        plain = [ask(record.prompt, max_tokens=self.answer_tokens) for _, record in asked]
        knowing = [self._knowing(user, record, request, lm) for (user, record), request in zip(asked, plain, strict=True)]
        replies = [reply.text for reply in lm.generate([*knowing, *plain])]
        made = []
        for (user, record), own, other in zip(asked, replies[: len(asked)], replies[len(asked) :], strict=True):
            better, worse = (own, other) if not self.judged or self._nearer(own, other, record) else (other, own)
            if better.strip() != worse.strip():
                made.append((pair_of(user, record, self.k)[0], better, worse))
        return made

    def _knowing(self, user: User, record: Record, request: Request, lm: LM) -> Request:
        """The request told what the person has revealed before this record, and nothing later."""
        earlier = user.records.before(record)
        near = rank(earlier, "bm25").search(record.prompt, self.shown)
        return build(request, [profile(describe(earlier)), quoted(near)], lm)

    def _nearer(self, own: str, other: str, record: Record) -> bool:
        return alike(own, record.answer) >= alike(other, record.answer)
