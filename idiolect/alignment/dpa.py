"""DPA: one adapter for everybody is told a direction between objectives in whole numbers, and learns the answers that go furthest.

Wang, Lin, Xiong, Yang, Diao, Qiu, Zhao, Zhang. Arithmetic Control of LLMs for Diverse User Preferences: Directional Preference Alignment
with Multi-Objective Rewards. ACL 2024, arXiv:2402.18571.

A round: each question is told a direction v of length 1 in whole hundredths, answers are drawn from the last model, and the one of the
greatest v . r is learnt under that direction. Weights are a direction, not shares: 1 to 1 is 71 and 71.
Departs from the paper: rewards r are counted and in spreads, where it learns a reward model of ten heads by ridge regression (as
`training.reward_models` has it); directions have no part below 0, as weights have none, where its second one may be negative; answers
that people's records hold stand for election too, so that the model stays with them; a round is learnt over the adapter there is. Only
the paper's reward model was released, so how many rounds and answers there are is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import quoting
from idiolect.training.conditions import aim
from idiolect.training.directions import directions
from idiolect.training.loop import Pair, Plan
from idiolect.training.pool import Pool, conditioned, furthered, pooled
from idiolect.training.rewards import Scale, known, weighed, weights_of
from idiolect.training.specialized import Draws, drawn
from idiolect.training.targets import direction
from idiolect.types import WRITTEN, Adapter, Floats, Record, Request, State, User


@dataclass
class DPA(Method):
    """`rounds` in which each of `questions` is answered `drawn` times under each of `towards` directions; a LoRA of `rank` a round."""

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "train"})
    reads: ClassVar[frozenset[str]] = WRITTEN | {"choice", "rating"}
    objectives: tuple[str, ...] = ("brief", "thorough")
    rounds: int = 2
    towards: int = 2
    drawn: int = 4
    temperature: float = 0.9
    k: int = 1
    answer_tokens: int = 32
    rank: int = 8
    modules: tuple[str, ...] = ("q_proj", "v_proj")
    lr: float = 2e-3
    epochs: int = 2
    newest: int = 24
    questions: int = 96
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        pool = pooled(lm, users, known(self.objectives), self.k, self._draws(self.drawn, 0))
        plan = Plan(lr=self.lr, epochs=self.epochs, batch=16, seed=self.seed)
        made: Adapter | None = None
        for turn in range(1, self.rounds + 1):
            made = furthered(lm, self.elected(pool, made, turn, lm), made, self.rank, self.modules, plan)
        self.shared = State(adapter=replace(made, name="dpa") if made else None, arrays=pool.scale.arrays)

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        made = weights_of(users, self.objectives, Scale.kept(self.shared, len(self.objectives)))
        return [replace(one, records=self.quotable(user)) for one, user in zip(made, users, strict=True)]

    def observe(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        return self.enroll([user], lm)[0]  # weights are counted: no model is asked

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        if not self.shared.adapter:
            return quoting(request, state.records.of(WRITTEN), self.k, lm)
        towards = direction(weighed(self.objectives, dict(request.weights), state.numbers))
        return conditioned(request, self._told(towards), state, self.k, lm, self.shared.adapter)

    def elected(self, pool: Pool, before: Adapter | None, turn: int, lm: LM) -> list[Pair]:
        """Under each direction of a round, the answer that goes furthest, of those drawn under it by `before` and those known."""
        groups = pool.groups
        asked = [one for one in groups for _ in range(self.towards)]
        ways = directions(len(asked), len(self.objectives), np.random.default_rng([self.seed, turn]))
        requests = [one.put(self._told(way), before) for one, way in zip(asked, ways, strict=True)]
        said = drawn(lm, requests, pool.objectives, self._draws(self.drawn, turn)).answers
        made = []
        for one, way, request, texts in zip(asked, ways, requests, said, strict=True):
            there = pool.of((one, text) for text in [*texts, *(pool.answers[place] for place in groups[one])])
            made.append((request, there.answers[int((there.rewards @ way).argmax())]))
        return made

    def _told(self, towards: Floats) -> str:
        return aim(dict(zip(self.objectives, towards.tolist(), strict=True)))

    def _draws(self, each: int, turn: int) -> Draws:
        return Draws(self.questions, self.newest, each, self.answer_tokens, self.temperature, self.seed + 100 * turn)
