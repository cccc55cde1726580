"""CPO: one adapter for everybody reads tokens that say how an answer is to be rated, and prefers answers with those ratings to others.

Guo, Cui, Yuan, Ding, Sun, Sun, Chen, Xie, Zhou, Lin, Liu, Sun. Controllable Preference Optimization: Toward Controllable
Multi-Objective Alignment. EMNLP 2024, arXiv:2402.19085.

First, answers are learnt behind the ratings that they have, some of them controlled. Then pairs of answers to one question, told the
ratings of a real answer: the one of the greater R is preferred (DPO), where R is the mean over objectives of -lambda |wanted - rating|
where a rating is wanted, and of the rating itself where none is. Pairs of equal R teach nothing.
Departs from the paper: rewards are counted, and rated from 1 to 5 so that as many answers get each; weights become wanted ratings by the
map of RiC, and an objective of weight 0 is not controlled. The released code takes -|wanted| - rating of one objective, which turns
its order round, and spells one token otherwise in the second stage: here one function writes all tokens and one counts all distances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import ClassVar

import numpy as np

from idiolect.method import Method
from idiolect.models.algebra import added
from idiolect.models.lm import LM
from idiolect.prompt import quoting
from idiolect.training.conditions import ratings
from idiolect.training.loop import Pair, Plan
from idiolect.training.pool import Pool, conditioned, furthered, pooled
from idiolect.training.preference import DPO, Preference, prefer
from idiolect.training.rewards import Scale, known, weighed, weights_of
from idiolect.training.specialized import Draws
from idiolect.training.targets import RATINGS, controlled, grades, rated, targets
from idiolect.types import WRITTEN, Adapter, Floats, Ints, Record, Request, State, User


@dataclass
class CPO(Method):
    """Weights of `objectives` become ratings by the map `by`; `strength` is lambda, and `beta` that of DPO on at most `pairs` pairs.

    `drawn` answers to each of `questions` join those of people's `newest` records. `k` records are quoted.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "train"})
    reads: ClassVar[frozenset[str]] = WRITTEN | {"choice", "rating"}
    objectives: tuple[str, ...] = ("brief", "thorough")
    by: str = "linf"
    strength: float = 1.0
    beta: float = 0.1
    k: int = 1
    drawn: int = 3
    temperature: float = 0.9
    answer_tokens: int = 32
    rank: int = 8
    modules: tuple[str, ...] = ("q_proj", "v_proj")
    lr: float = 2e-3
    epochs: int = 2
    newest: int = 24
    questions: int = 128
    pairs: int = 384
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        draws = Draws(self.questions, self.newest, self.drawn, self.answer_tokens, self.temperature, self.seed)
        pool = pooled(lm, users, known(self.objectives), self.k, draws)
        given, chance = rated(pool.rewards, grades(pool.rewards)), np.random.default_rng(self.seed)
        plan = Plan(lr=self.lr, epochs=self.epochs, batch=16, seed=self.seed)
        first = furthered(lm, self.told(pool, given, chance), None, self.rank, self.modules, plan)
        pairs = self.preferred(pool, given, chance, first)
        second = replace(plan, lr=self.lr / 4)  # gradients of a sigmoid are steeper than those of a mean over tokens
        then = prefer(lm, [pairs], DPO(self.beta), rank=self.rank, alpha=self.rank, modules=self.modules, plan=second)[0]
        self.shared = State(adapter=added([first, then], "cpo"), arrays=pool.scale.arrays)

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        made = weights_of(users, self.objectives, Scale.kept(self.shared, len(self.objectives)))
        return [replace(one, records=self.quotable(user)) for one, user in zip(made, users, strict=True)]

    def observe(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        return self.enroll([user], lm)[0]  # weights are counted: no model is asked

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        if not self.shared.adapter:
            return quoting(request, state.records.of(WRITTEN), self.k, lm)
        weights = weighed(self.objectives, dict(request.weights), state.numbers)
        lowest = np.ones(len(weights))
        wanted = np.where(weights > 0, np.rint(targets(weights, lowest, RATINGS * lowest, self.by)), np.nan)
        return conditioned(request, self._tokens(wanted), state, self.k, lm, self.shared.adapter)

    def told(self, pool: Pool, given: Ints, chance: np.random.Generator) -> list[Pair]:
        """Each answer, told those of its ratings that a lot makes controlled."""
        wanted = [self._some(own, chance) for own in given]
        return [(one.put(self._tokens(own)), text) for one, text, own in zip(pool.asked, pool.answers, wanted, strict=True)]

    def preferred(self, pool: Pool, given: Ints, chance: np.random.Generator, over: Adapter) -> list[Preference]:
        """Pairs of answers to one question, told in turn the ratings that each of its answers has, the one of the greater R first."""
        made: list[Preference] = []
        for one, places in pool.groups.items():
            for target in given[places]:
                wanted = self._some(target, chance)
                worth = controlled(given[places], wanted, self.strength).mean(axis=1)
                asked = one.put(self._tokens(wanted), over)
                ahead = [(a, b) for a, b in permutations(range(len(places)), 2) if worth[a] > worth[b]]
                made += [(asked, pool.answers[places[a]], pool.answers[places[b]]) for a, b in ahead]
        return [made[place] for place in sorted(chance.permutation(len(made))[: self.pairs])]

    def _some(self, own: Ints, chance: np.random.Generator) -> Floats:
        """An answer's ratings, NaN for those that are not controlled: any number of them, as likely as any other."""
        kept = chance.permutation(len(own)) < chance.integers(0, len(own) + 1)
        return np.where(kept, own.astype(np.float64), np.nan)

    def _tokens(self, wanted: Floats) -> str:
        return ratings({name: int(value) for name, value in zip(self.objectives, wanted, strict=True) if not np.isnan(value)})
