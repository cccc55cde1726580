"""MOD: a LoRA for each objective, and answers decoded with all of them in step, their predictions joined as the person weighs them.

Shi, Chen, Hu, Liu, Hajishirzi, Smith, Du. Decoding-Time Language Model Alignment with Multiple Objectives. NeurIPS 2024,
arXiv:2406.18853. For experts aligned under the reverse Kullback-Leibler divergence, which DPO's are, the best policy for weights w is
proportional to the product of the experts' probabilities to the powers w: `rule="geometric"`, from which a token is drawn at each step.

Departs from the paper: no beam search over whole answers, so that other rules, whose normalizer belongs to the whole answer, are token by
token only a score. The released code's greedy path adds raw logits, which agrees with the paper for this rule alone; here all rules are
given log-probabilities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.training.loop import Plan
from idiolect.training.rewards import READ, asked_for, weights_of
from idiolect.training.specialized import Draws, adapters, kept, pooled, ranked
from idiolect.types import Guide, Record, Request, State, User


@dataclass
class MOD(Method):
    """Experts of `rank` for `objectives`; `rule` is a guide's. An expert of weight 0 is not asked, and one alone answers as itself.

    They are taught by `drawn` answers to each of at most `asked` questions.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "guide", "train"})
    reads: ClassVar[frozenset[str]] = READ
    quotes: ClassVar[bool] = False
    objectives: tuple[str, ...] = ("brief", "thorough")
    rule: str = "geometric"
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
        weights = asked_for(request, state, self.objectives)
        heard = [(one, float(weight)) for one, weight in zip(adapters(self.shared), weights, strict=False) if weight]
        if not heard:
            return request
        first, *others = (request.bent(adapters={expert: 1.0}) for expert, _ in heard)
        return first.bent(guide=Guide(tuple(others), tuple(weight for _, weight in heard), self.rule)) if others else first  # type: ignore[arg-type]  # a wrong rule is refused where it is used
