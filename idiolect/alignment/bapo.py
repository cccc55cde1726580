"""BAPO: a person's adapter learns what they prefer, and is held to the answers that the model gives by itself.

Lee, Jeong, Kim, Jung, Oh, Kim, Yun. BAPO: Base-Anchored Preference Optimization for Overcoming Forgetting in Large Language Models
Personalization. Findings of EMNLP 2024, arXiv:2407.00693. No code was found.

To DPO's loss is added what it costs to leave the likelihood of the model's own, greedy answer to the same request. Which cost the paper
takes was not verified: `anchor` is ours, a hinge on what that answer lost, and others can be chosen. Departs from the paper: the cost is
by the token, so that its weight does not hang on the answer's length (`by_token=False`: summed); `k` earlier records are told; who
stated no preference prefers what they wrote to a draft that is drawn at temperature 1, which may come near the anchored answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import quoting
from idiolect.training.choices import PREFERRING, Taking, preferences_of
from idiolect.training.loop import Item, Plan
from idiolect.training.pair_losses import Anchor
from idiolect.training.preference import Anchored, Preference, prefer
from idiolect.types import WRITTEN, Request, State, User


@dataclass
class BAPO(Method):
    """LoRA of `rank`; leaving the model's own answers costs `strength` times `anchor`: "hinge", "abs", "square" or "forward_kl"."""

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "train"})
    reads: ClassVar[frozenset[str]] = PREFERRING
    k: int = 1
    rank: int = 8
    beta: float = 0.1
    strength: float = 1.0
    anchor: Anchor = "hinge"
    by_token: bool = True
    lr: float = 1e-3
    epochs: int = 2
    batch: int = 4
    newest: int = 24
    answer_tokens: int = 32
    seed: int = 0

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        taking = Taking(self.k, self.newest, self.answer_tokens, temperature=1.0, seed=self.seed)
        objective = Anchored(self.beta, strength=self.strength, how=self.anchor, by_token=self.by_token)
        plan = Plan(lr=self.lr, epochs=self.epochs, batch=self.batch, seed=self.seed)
        jobs = self._anchored(preferences_of(lm, users, taking), lm)
        made = prefer(lm, jobs, objective, rank=self.rank, alpha=2.0 * self.rank, plan=plan)
        return [State(adapter=own, records=self.quotable(user)) for own, user in zip(made, users, strict=True)]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        told = quoting(request, state.records.of(WRITTEN), self.k, lm)
        return told.bent(adapters={state.adapter: 1.0} if state.adapter else {})

    def _anchored(self, jobs: Sequence[Sequence[Preference]], lm: LM) -> list[list[Item]]:
        """Each preference with what the model answers to the same request by itself, put once for all people."""
        asked = list(dict.fromkeys(request for job in jobs for request, *_ in job))
        replies = lm.generate([request.sampled(max_tokens=self.answer_tokens, temperature=0.0) for request in asked])
        said = {request: reply.text for request, reply in zip(asked, replies, strict=True)}
        return [[(request, chosen, rejected, said[request]) for request, chosen, rejected in job] for job in jobs]
