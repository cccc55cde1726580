"""MRPO: a person's adapter learns what they prefer, held to two references at once: the model, and the model that everybody taught.

Le, Tran, Nguyen, Do, Mittal, Ogueji, Venkatesh. Multi-Reference Preference Optimization for Large Language Models. AAAI 2025,
arXiv:2405.16388.

DPO over one reference in place of two, the weighted harmonic mean of their probabilities, the second cut to an interval about the first;
its share is how far it tells chosen from rejected. The released code gives that share to the other reference: `variant="released"` does.
Departs from the paper: the second reference is an adapter on the same model, so that no other tokenizer is put this one's tokens; one
adapter for each person; `k` earlier records are told; who stated no preference prefers what they wrote to what the model drafts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import quoting
from idiolect.training.choices import PREFERRING, Taking, preferences_of, preferences_together
from idiolect.training.loop import Plan, local
from idiolect.training.pair_losses import Variant
from idiolect.training.preference import DPO, MultiReference, prefer
from idiolect.training.references import references
from idiolect.training.sft import sft
from idiolect.types import WRITTEN, Request, State, User


@dataclass
class MRPO(Method):
    """LoRA of `rank`; the second reference within `trust` of the first, with a `share` that is given, or its confidence where None is."""

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "train"})
    reads: ClassVar[frozenset[str]] = PREFERRING
    k: int = 1
    rank: int = 8
    beta: float = 0.1
    trust: float = 0.1
    share: float | None = None
    variant: Variant = "paper"
    lr: float = 1e-3
    epochs: int = 2
    batch: int = 4
    newest: int = 24
    shared_pairs: int = 384
    answer_tokens: int = 32
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        everyone, _ = preferences_together(lm, users, self._taking)
        plan = Plan(lr=2e-3, epochs=self.epochs, batch=16, seed=self.seed)
        chosen = [(request, answer) for request, answer, _ in everyone]
        self.shared = State(adapter=sft(lm, [chosen], rank=self.rank, alpha=self.rank, plan=plan)[0])

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        jobs = preferences_of(lm, users, self._taking)
        objective = DPO(self.beta)
        if self.shared.adapter:
            extra = references(local(lm, "MRPO"), jobs, self.shared.adapter)
            objective = MultiReference(self.beta, extra=extra, trust=self.trust, share=self.share, variant=self.variant)
        plan = Plan(lr=self.lr, epochs=self.epochs, batch=self.batch, seed=self.seed)
        made = prefer(lm, jobs, objective, rank=self.rank, alpha=2.0 * self.rank, plan=plan)
        return [State(adapter=own, records=self.quotable(user)) for own, user in zip(made, users, strict=True)]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        told = quoting(request, state.records.of(WRITTEN), self.k, lm)
        return told.bent(adapters={state.adapter: 1.0} if state.adapter else {})

    @property
    def _taking(self) -> Taking:
        return Taking(self.k, self.newest, self.answer_tokens, at_most=self.shared_pairs, seed=self.seed)
