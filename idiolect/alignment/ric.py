"""RiC: one adapter for everybody reads in the prompt how an answer is to score by each objective, and writes one that does.

Yang, Pan, Luo, Qiu, Zhong, Yu, Chen. Rewards-in-Context: Multi-objective Alignment of Foundation Models with Dynamic Preference
Adjustment. ICML 2024, arXiv:2402.10207.

Offline, answers are learnt with the scores that they have. Then rounds: goals are drawn, answered, scored again, and those that are above
a quantile by any objective are learnt with the scores they turned out to have, beside as many of the first ones, chosen alike. Asked, the
weights are mapped to scores. Departs from the paper: rewards are counted, not modelled; the ends of the range are the 5th and 95th of a
hundred answers, so that what is asked for was seen; a round is learnt over the adapter there is. Scores stand in the system message: the
released code cuts them from the prompt by a set of characters, which eats the prompt's own last letters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import quoting
from idiolect.training.conditions import scores
from idiolect.training.loop import Plan
from idiolect.training.pool import Pool, answered, conditioned, furthered, pooled
from idiolect.training.rewards import Scale, known, weighed, weights_of
from idiolect.training.specialized import Draws
from idiolect.training.targets import above, goals, reach, targets
from idiolect.types import WRITTEN, Adapter, Floats, Record, Request, State, User


@dataclass
class RiC(Method):
    """Weights of `objectives` become scores by the map `by` ("l2", "linf", "linear"); a LoRA of `rank` offline and after each of `rounds`.

    `drawn` answers to each of `questions` join those of people's `newest` records; a goal is answered twice. `k` records are quoted.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "train"})
    reads: ClassVar[frozenset[str]] = WRITTEN | {"choice", "rating"}
    objectives: tuple[str, ...] = ("brief", "thorough")
    by: str = "l2"
    rounds: int = 2
    quantile: float = 0.7
    k: int = 1
    drawn: int = 2
    temperature: float = 0.9
    answer_tokens: int = 32
    rank: int = 8
    modules: tuple[str, ...] = ("q_proj", "v_proj")
    lr: float = 2e-3
    epochs: int = 2
    newest: int = 24
    questions: int = 192
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        pool = pooled(lm, users, known(self.objectives), self.k, self._draws(self.drawn, 0))
        low, high = reach(pool.rewards)
        made, good = self._taught(pool, None, lm), pool.among(np.flatnonzero(above(pool.rewards, self.quantile)))
        for turn in range(1, self.rounds + 1):
            chance = np.random.default_rng([self.seed, turn])
            asked = list(pool.groups)
            wanted = goals(len(asked), low, high, chance)
            requests = [one.put(self._told(goal), made) for one, goal in zip(asked, wanted, strict=True)]
            fresh = answered(lm, pool, asked, requests, self._draws(2, turn))
            fresh = fresh.among(np.flatnonzero(above(fresh.rewards, self.quantile)))
            first = chance.permutation(len(good.answers))[: len(fresh.answers)]
            made = self._taught(fresh.plus(good.among(first)), made, lm)
        self.shared = State(adapter=replace(made, name="ric"), arrays={**pool.scale.arrays, "low": low, "high": high})

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        made = weights_of(users, self.objectives, Scale.kept(self.shared, len(self.objectives)))
        return [replace(one, records=self.quotable(user)) for one, user in zip(made, users, strict=True)]

    def observe(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        return self.enroll([user], lm)[0]  # weights are counted: no model is asked

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        if not self.shared.adapter:
            return quoting(request, state.records.of(WRITTEN), self.k, lm)
        weights = weighed(self.objectives, dict(request.weights), state.numbers)
        wanted = targets(weights, self.shared.arrays["low"], self.shared.arrays["high"], self.by)
        return conditioned(request, self._told(wanted), state, self.k, lm, self.shared.adapter)

    def _told(self, wanted: Floats) -> str:
        return scores(dict(zip(self.objectives, wanted.tolist(), strict=True)))

    def _taught(self, pool: Pool, before: Adapter | None, lm: LM) -> Adapter:
        """What is learnt, over `before`, from answers told the scores that they have."""
        pairs = [(one.put(self._told(own), before), text) for one, text, own in zip(pool.asked, pool.answers, pool.rewards, strict=True)]
        plan = Plan(lr=self.lr / (2 if before else 1), epochs=1 if before else self.epochs, batch=16, seed=self.seed)
        return furthered(lm, pairs, before, self.rank, self.modules, plan)

    def _draws(self, each: int, turn: int) -> Draws:
        return Draws(self.questions, self.newest, each, self.answer_tokens, self.temperature, self.seed + 100 * turn)
