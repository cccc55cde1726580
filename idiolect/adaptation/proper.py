"""PROPER: in stages, an adapter for everybody, a mixture of adapters for groups of people, and one for each person.

Zhang, Wu, Zhou, He. PROPER: A Progressive Learning Framework for Personalized Large Language Models with Group-Level Adaptation.
ACL 2025, arXiv:2503.01303.

Each stage learns what those before it left. Departs from the paper: the router to the groups reads the model's states over what a
person wrote, not an id, so that newcomers have groups too; the second router is one pair of shares for each person, the group's and
their own; adapters stand on the attention and not on the feed-forward layers; questions are told `k` earlier records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from idiolect.errors import MethodError
from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import quoting
from idiolect.training.clusters import portraits
from idiolect.training.experts import Experts, beside, experts
from idiolect.training.loop import Plan
from idiolect.training.owners import owned
from idiolect.training.pairs import pairs, together
from idiolect.training.sft import sft
from idiolect.types import Adapter, Floats, Request, State, User


@dataclass
class PROPER(Method):
    """Everybody's LoRA of `rank`, `groups` of `expert_rank`, and the person's own of `own_rank`, on `modules`."""

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "train"})
    k: int = 1
    rank: int = 8
    groups: int = 5
    expert_rank: int = 4
    own_rank: int = 4
    modules: tuple[str, ...] = ("q_proj", "v_proj")
    lr: float = 2e-3
    epochs: int = 2
    batch: int = 4
    newest: int = 24
    shared_pairs: int = 384
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        everyone = together(users, self.k, self.newest, self.shared_pairs, self.seed)
        task = sft(lm, [everyone], rank=self.rank, alpha=self.rank, modules=self.modules, plan=self._plan(16))[0]
        points = self._portraits(users, lm)
        seen = points if len(points) else np.zeros((1, points.shape[1]), np.float32)
        scale = {"mean": seen.mean(axis=0), "spread": np.sqrt(seen.var(axis=0).mean(keepdims=True))}
        told, owners = owned(users, self.k, self.newest, self.shared_pairs, self.seed)
        bent = [(request.bent(adapters={task: 1.0}), answer) for request, answer in told]
        at, plan = list(task.modules), self._plan(16)
        made = experts(lm, bent, owners, _scaled(points, scale), paths=at, rank=self.expert_rank, count=self.groups, plan=plan)
        self.shared = State(adapter=task, arrays=scale | {"router": made.router}, parts=(State(adapter=made.adapter),))

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        if not self.shared.parts:
            return [State(records=user.records) for user in users]
        groups = self._experts().shares(_scaled(self._portraits(users, lm), self.shared.arrays))
        mixtures = [self._experts().mixed(shares) for shares in groups]
        told = [pairs(user, self.k, self.newest) for user in users]
        jobs = [[(request.bent(adapters=self._common()), answer) for request, answer in job] for job in told]
        own, shares = beside(lm, jobs, mixtures, rank=self.own_rank, plan=self._plan(self.batch))
        return [
            State(adapter=one, records=user.records, arrays={"groups": group, "shares": np.asarray(both, np.float32)})
            for one, user, group, both in zip(own, users, groups, shares, strict=True)
        ]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        told = quoting(request, state.records, self.k, lm).bent(adapters=self._common())
        if not state.adapter:
            return told
        group = self._experts().mixed(state.arrays["groups"], "group")
        beside_others, own = state.arrays["shares"].tolist()
        return told.bent(adapters={group: beside_others, state.adapter: own})

    def _common(self) -> dict[Adapter, float]:
        return {self.shared.adapter: 1.0} if self.shared.adapter else {}

    def _experts(self) -> Experts:
        """The groups. Raises MethodError before `fit`,."""
        held = self.shared.parts[0].adapter if self.shared.parts else None
        if held is None:
            raise MethodError("PROPER has no groups yet: fit it on many people before it is asked for one of them")
        return Experts(held, self.shared.arrays["router"])

    def _portraits(self, users: Sequence[User], lm: LM) -> Floats:
        return portraits(lm, [user.records.newest(self.newest) for user in users])

    def _plan(self, batch: int) -> Plan:
        return Plan(lr=self.lr, epochs=self.epochs, batch=batch, seed=self.seed)


def _scaled(points: Floats, by: Mapping[str, Floats]) -> Floats:
    """Points (people, width) as deviations from the mean person, near 1 on average; 0 for who has written nothing."""
    made: Floats = (points - by["mean"]) / np.maximum(by["spread"], 1e-6) * points.any(axis=1, keepdims=True)
    return made
