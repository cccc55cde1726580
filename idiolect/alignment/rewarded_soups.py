"""RewardedSoups: one LoRA for each objective, all from one start, and their weights averaged as the person weighs the objectives.

Ramé, Couairon, Dancette, Gaya, Shukor, Soulier, Cord. Rewarded soups: towards Pareto-optimal alignment by interpolating weights
fine-tuned on diverse rewards. NeurIPS 2023, arXiv:2306.04488.

Departs from the paper: each adapter learns by direct preference optimization which of the model's own answers its reward ranks first, in
place of PPO (`MORLHF` has the policy gradient); a person's weights are read from what they wrote and chose, not searched on a validation
set. The released code interpolates A and B of LoRAs apart, which is not the sum of what they change: `merge="factors"` does that,
"deltas" is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from idiolect.errors import MethodError
from idiolect.method import Method
from idiolect.models.algebra import factorwise
from idiolect.models.lm import LM
from idiolect.training.loop import Plan
from idiolect.training.rewards import READ, asked_for, weights_of
from idiolect.training.specialized import Draws, adapters, kept, pooled, ranked, shares
from idiolect.types import Record, Request, State, User


@dataclass
class RewardedSoups(Method):
    """Adapters of `rank` for `objectives`, mixed in a request's own weights where it has some, else in the person's.

    They are taught by `drawn` answers to each of at most `asked` questions.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "train"})
    reads: ClassVar[frozenset[str]] = READ
    quotes: ClassVar[bool] = False
    objectives: tuple[str, ...] = ("brief", "thorough")
    merge: Literal["deltas", "factors"] = "deltas"
    rank: int = 8
    lr: float = 1e-3
    epochs: int = 3
    batch: int = 8
    beta: float = 0.1
    drawn: int = 6
    asked: int = 96
    answer_tokens: int = 32
    newest: int = 24
    sharpness: float = 1.0
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        draws = Draws(self.asked, self.newest, self.drawn, self.answer_tokens, seed=self.seed)
        pool = pooled(lm, users, self.objectives, draws)
        plan = Plan(lr=self.lr, epochs=self.epochs, batch=self.batch, seed=self.seed)
        experts = ranked(lm, pool, self.objectives, rank=self.rank, plan=plan, beta=self.beta)
        self.shared = kept(pool.scale, experts)

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        return weights_of(users, self.objectives, self.shared, self.sharpness)

    def observe(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        return self.enroll([user], lm)[0]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        weights, experts = asked_for(request, state, self.objectives), adapters(self.shared)
        if self.merge not in ("deltas", "factors"):
            raise MethodError(f"no merge is named {self.merge!r}: take 'deltas' or 'factors'")
        soup = shares(experts, weights) if experts else {}
        if self.merge == "factors" and len(soup) > 1:
            soup = {factorwise(soup, strict=True, name="soup"): 1.0}
        return request.bent(adapters=soup)
