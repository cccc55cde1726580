"""FDLoRA: two adapters for each person, one of their own and one that all learn without sharing records, fused by a few examples.

Qi, Luan, Huang, Fung, Yang, Qian. FDLoRA: Personalized Federated Learning of Large Language Model via Dual LoRA Tuning. 2024,
arXiv:2406.07925.

Departs from the paper: the two deltas are added, each in its share, in place of summing their factors; the shares are searched on
the person's newest records, which the adapter they are tried with has not seen; the federation runs in one process; each question is
told `k` earlier records.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import quoting
from idiolect.training.federated import Rounds, federated
from idiolect.training.loop import Pair, Plan
from idiolect.training.pairs import pairs
from idiolect.training.search import compass
from idiolect.training.sft import sft
from idiolect.types import Adapter, Floats, Request, State, User

STARTS = [np.array(shares) for shares in ((1.0, 0.0), (0.0, 1.0), (0.5, 0.5), (1.0, 1.0))]  # of the common and of the own adapter


@dataclass
class FDLoRA(Method):
    """Both of `rank` on `modules`: the common one of `rounds` with `people` each, the own one of the person's `newest` records.

    `tried` of the newest records, at most a quarter, choose the shares in `searches` rounds.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "train", "logprobs"})
    k: int = 1
    rank: int = 8
    modules: tuple[str, ...] = ("q_proj", "v_proj")
    rounds: int = 4
    people: int = 8
    outer_lr: float = 1.0
    momentum: float = 0.5
    lr: float = 2e-3
    epochs: int = 2
    batch: int = 4
    newest: int = 24
    tried: int = 4
    searches: int = 2
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        jobs = [pairs(user, self.k, self.newest) for user in users]
        rounds = Rounds(self.rounds, self.people, self.outer_lr, self.momentum)
        made = federated(lm, jobs, self._trained(lm, [[]])[0], plan=self._plan(1), rounds=rounds)
        self.shared = State(adapter=made)

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        jobs = [pairs(user, self.k, self.newest) for user in users]
        held = [job[len(job) - min(self.tried, len(job) // 4) :] for job in jobs]
        older = [job[: len(job) - len(newest)] for job, newest in zip(jobs, held, strict=True)]
        made = self._trained(lm, [*older, *jobs])
        shares = self._fused(held, made[: len(users)], lm)
        return [
            State(adapter=own, records=user.records, numbers={"common": float(common), "own": float(mine)})
            for own, user, (common, mine) in zip(made[len(users) :], users, shares, strict=True)
        ]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        told = quoting(request, state.records, self.k, lm)
        shares = np.array([state.numbers.get("common", 1.0), state.numbers.get("own", 0.0)])
        return told.bent(adapters=self._mixed(shares, state.adapter))

    def _fused(self, held: Sequence[Sequence[Pair]], own: Sequence[Adapter], lm: LM) -> list[Floats]:
        """For each person the shares (2,) of the common adapter and of theirs under which their held records are likeliest."""

        def costs(asked: Sequence[tuple[int, Floats]]) -> list[float]:
            tries = [(place, r.bent(adapters=self._mixed(at, own[i])), a) for place, (i, at) in enumerate(asked) for r, a in held[i]]
            scores = lm.score([request for _, request, _ in tries], [answer or " " for _, _, answer in tries])
            made = [0.0] * len(asked)
            for (place, _, _), score in zip(tries, scores, strict=True):
                made[place] -= score.nats / max(score.chars, 1) / len(held[asked[place][0]])
            return made

        return compass(costs, [STARTS] * len(held), step=0.25, rounds=self.searches, bounds=(0.0, 1.5))

    def _mixed(self, shares: Floats, own: Adapter | None) -> dict[Adapter, float]:
        both = ((self.shared.adapter, shares[0]), (own, shares[1]))
        return {adapter: float(share) for adapter, share in both if adapter and share}

    def _trained(self, lm: LM, jobs: Sequence[Sequence[Pair]]) -> list[Adapter]:
        return sft(lm, jobs, rank=self.rank, alpha=self.rank, modules=self.modules, plan=self._plan(self.epochs))

    def _plan(self, epochs: int) -> Plan:
        return Plan(lr=self.lr, epochs=epochs, batch=self.batch, seed=self.seed)
