"""PersonalizedSoups: one LoRA for each preference, learnt with its words in the prompt, and the mean of those that the person has.

Jang, Kim, Lin, Wang, Hessel, Zettlemoyer, Hajishirzi, Choi, Ammanabrolu. Personalized Soups: Personalized Large Language Model
Alignment via Post-hoc Parameter Merging. 2023, arXiv:2310.11564.

A reward model for each preference is taught by pairs of answers; a policy for each is improved on it, every question told that
preference; an answer for a set of preferences is told all their words and comes from the mean of their adapters.

Departs from the paper: counted rewards label the pairs, in place of GPT-4; reward models are linear heads on what an answer's words are;
the policy gradient is that of `training.policy`. A person's set, and a request's, is what they weigh no less than an equal share of all.
The released code averages A and B of LoRAs apart: `merge="factors"` does that, "deltas" is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from idiolect.errors import MethodError
from idiolect.method import Method
from idiolect.models.algebra import factorwise
from idiolect.models.lm import LM
from idiolect.training.loop import Plan
from idiolect.training.policy import Alone, Ascent, improved
from idiolect.training.reward_models import RewardModel, bradley_terry, features
from idiolect.training.rewards import READ, active, asked_for, weights_of
from idiolect.training.sft import lora
from idiolect.training.specialized import MODULES, Drawn, Draws, adapters, kept, pooled, shares
from idiolect.types import Floats, Record, Request, State, User

WORDS = {
    "brief": "Answer in few words and leave out whatever can be left out.",
    "thorough": "Answer so that everything that was asked about is taken up.",
    "simple": "Answer in short and simple words.",
    "varied": "Answer without using a word twice.",
    "specific": "Answer with names and numbers.",
}


@dataclass
class PersonalizedSoups(Method):
    """Adapters of `rank` for `objectives`; reward models are taught by `drawn` answers to each of at most `asked` questions.

    Each of `steps` draws `group` answers to each of `questions` and learns from them `rounds` times; `beta` weighs the divergence.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "train"})
    reads: ClassVar[frozenset[str]] = READ
    quotes: ClassVar[bool] = False
    objectives: tuple[str, ...] = ("brief", "thorough")
    merge: Literal["deltas", "factors"] = "deltas"
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
    sharpness: float = 1.0
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        draws, count = Draws(self.asked, self.newest, self.drawn, self.answer_tokens, seed=self.seed), len(self.objectives)
        pool = pooled(lm, users, self.objectives, draws)
        model = self._judge(pool)

        def judge(requests: Sequence[Request], answers: Sequence[str], weights: Floats) -> Floats:
            said = model.scores(features([request.question for request in requests], answers))
            made: Floats = (weights * model.normalisation.of(said)).sum(axis=1)
            return made

        policy = Alone(lora(lm, count, self.rank, 2.0 * self.rank, MODULES, Plan(seed=self.seed)))
        jobs = [[request.told(WORDS[name]) for request in pool.requests] for name in self.objectives]
        alone = np.repeat(np.eye(count)[:, None], self.questions, axis=1)
        plan = Ascent(self.steps, self.questions, self.group, "ppo", self.lr, self.beta, 0.2, self.rounds, self.answer_tokens, self.seed)
        learnt = improved(lm, policy, jobs, judge, lambda step: alone, plan)
        self.shared = kept(pool.scale, [policy.inner.adapter(own, name) for own, name in zip(learnt, self.objectives, strict=True)])

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        return weights_of(users, self.objectives, self.shared, self.sharpness)

    def observe(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        return self.enroll([user], lm)[0]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        wanted, experts = active(asked_for(request, state, self.objectives)), adapters(self.shared)
        if self.merge not in ("deltas", "factors"):
            raise MethodError(f"no merge is named {self.merge!r}: take 'deltas' or 'factors'")
        if not experts:
            return request
        soup = shares([experts[place] for place in wanted], [1 / len(wanted)] * len(wanted))
        if self.merge == "factors" and len(soup) > 1:
            soup = {factorwise(soup, strict=True, name="soup"): 1.0}
        return request.told(" ".join(WORDS[self.objectives[place]] for place in wanted)).bent(adapters=soup)

    def _judge(self, pool: Drawn) -> RewardModel:
        """A head for each objective, taught by the pairs of its preference, in z-scores over the pool's answers."""
        asked = [request.question for request in pool.requests for _ in range(self.drawn)]
        seen = features(asked, [answer for own in pool.answers for answer in own])
        heads = []
        for place in range(len(self.objectives)):
            better, worse = np.array(pool.places(place), np.intp).reshape(-1, 2).T
            heads.append(bradley_terry(seen[better], seen[worse]))
        return RewardModel(np.stack(heads, axis=1)).normalised("zscore", seen)
