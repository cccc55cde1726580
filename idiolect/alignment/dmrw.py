"""DMRW: a policy for each combination of styles, by discriminators' rewards weighed anew for each answer by their gradients.

de Langis, Koo, Kang. Dynamic Multi-Reward Weighting for Multi-Style Controllable Generation. EMNLP 2024, arXiv:2402.14146. The further a
discriminator is from the style that is wanted, the longer its loss's gradient, and the more its reward weighs.

Departs from the paper: styles are the better halves of counted objectives; discriminators are logistic heads on what an answer's words
are, whose gradient has a closed form, and a style's reward is its log-odds; the policy gradient is that of `training.policy`. A person's
combination, and a request's, is what they weigh no less than an equal share: the weights themselves go no further. The released code puts
each style's norm over its greatest in the batch in the place of the paper's weights, shapes the reward with a jump in its middle, and
gives answers under 12 tokens (words, here) no positive reward: `strict=True` does so, the batch being that of all combinations. As
released it stops on names that it does not define.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar

import numpy as np

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.training.directions import by_gradients, gradient_norms, shaped
from idiolect.training.loop import Plan
from idiolect.training.policy import Alone, Ascent, improved
from idiolect.training.reward_models import classifier, features
from idiolect.training.rewards import READ, active, asked_for, weights_of
from idiolect.training.sft import lora
from idiolect.training.specialized import MODULES, Draws, adapters, kept, pooled
from idiolect.types import Floats, Record, Request, State, User

BOUND = 5.0  # of a style's reward
FEWEST = 12  # words of an answer that the released code rewards


@dataclass
class DMRW(Method):
    """A LoRA of `rank` for every set of `objectives` that is not empty; discriminators learn from `drawn` answers to `asked` questions.

    Each of `steps` draws `group` answers to each of `questions` and learns from them `rounds` times; `beta` weighs the divergence.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "train"})
    reads: ClassVar[frozenset[str]] = READ
    quotes: ClassVar[bool] = False
    objectives: tuple[str, ...] = ("brief", "thorough")
    rank: int = 8
    steps: int = 30
    questions: int = 8
    group: int = 4
    rounds: int = 2
    lr: float = 2e-3
    beta: float = 0.1
    drawn: int = 6
    asked: int = 96
    answer_tokens: int = 32
    newest: int = 24
    strict: bool = False
    sharpness: float = 1.0
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        draws, sets = Draws(self.asked, self.newest, self.drawn, self.answer_tokens, seed=self.seed), self._sets()
        pool = pooled(lm, users, self.objectives, draws)
        asked = [request.question for request in pool.requests for _ in range(self.drawn)]
        seen = _seen(asked, [answer for own in pool.answers for answer in own])
        worth = pool.rewards.reshape(-1, len(self.objectives))
        heads = np.stack([classifier(seen, (own > np.median(own)).astype(float) if len(own) else own) for own in worth.T], axis=1)

        def judge(requests: Sequence[Request], answers: Sequence[str], weights: Floats) -> Floats:
            return self._rewards(heads, _seen([request.question for request in requests], answers), answers, weights)

        policy = Alone(lora(lm, len(sets), self.rank, 2.0 * self.rank, MODULES, Plan(seed=self.seed)))
        wanted = np.zeros((len(sets), self.questions, len(self.objectives)))
        for job, own in enumerate(sets):
            wanted[job, :, list(own)] = 1.0
        plan = Ascent(self.steps, self.questions, self.group, "ppo", self.lr, self.beta, 0.2, self.rounds, self.answer_tokens, self.seed)
        learnt = improved(lm, policy, [pool.requests] * len(sets), judge, lambda step: wanted, plan)
        names = ["+".join(self.objectives[place] for place in own) for own in sets]
        self.shared = kept(pool.scale, [policy.inner.adapter(own, name) for own, name in zip(learnt, names, strict=True)])

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        return weights_of(users, self.objectives, self.shared, self.sharpness)

    def observe(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        return self.enroll([user], lm)[0]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        policies, wanted = adapters(self.shared), active(asked_for(request, state, self.objectives))
        return request.bent(adapters={policies[self._sets().index(tuple(wanted))]: 1.0} if policies else {})

    def _sets(self) -> list[tuple[int, ...]]:
        places = range(len(self.objectives))
        return [own for size in range(1, len(self.objectives) + 1) for own in combinations(places, size)]

    def _rewards(self, heads: Floats, seen: Floats, answers: Sequence[str], wanted: Floats) -> Floats:
        """(answers,): the wanted styles' rewards in their dynamic weights; `wanted` (answers, objectives) is 1 or 0."""
        odds = (seen @ heads).clip(-30, 30)
        said: Floats = 1 / (1 + np.exp(-odds))
        shares = by_gradients(gradient_norms(said, np.ones(said.shape[1]), seen) * wanted, self.strict)
        if not self.strict:
            made: Floats = (shares * wanted * odds.clip(-BOUND, BOUND)).sum(axis=1)
            return made
        worth = (shaped(said, shares, BOUND) * wanted).sum(axis=1) / 3  # by three, however many styles there are
        short = np.array([len(answer.split()) < FEWEST for answer in answers], bool)
        return np.where(short & (worth > 0), 0.0, worth)


def _seen(questions: Sequence[str], answers: Sequence[str]) -> Floats:
    """(answers, features + 1): what discriminators see, and a 1 for their bias."""
    seen = features(questions, answers)
    return np.column_stack([seen, np.ones(len(seen))])
