"""StyleRemix: adapters for the poles of a few axes of style, learnt once from everybody, and mixed in each person's own shares.

Fisher, Hallinan, Lu, Gordon, Harchaoui, Choi. StyleRemix: Interpretable Authorship Obfuscation via Distillation and Perturbation of
Style Elements. EMNLP 2024, arXiv:2408.15666. The search over shares after Huang et al., LoraHub, COLM 2024, arXiv:2307.13269.

Departs from the paper: it hides an author, so it takes the pole opposite to the author's; here the pole is the person's own.
Axes are those that can be counted, and a pole's adapter learns from everybody's records that lie there, over an adapter for the
task, in place of texts rewritten by a large model. Compass search in place of Nevergrad's. Questions may be told earlier records.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import quoting
from idiolect.training.loop import Pair, Plan
from idiolect.training.pairs import pairs, together
from idiolect.training.search import compass
from idiolect.training.sft import sft
from idiolect.training.style_axes import Crowd, crowd, measured, poles
from idiolect.types import Adapter, Floats, Request, State, User

SHARES = ((1.0, 0.7), (2.0, 0.9), (3.0, 1.2), (np.inf, 1.5))  # up to so many spreads from the crowd -> share of the pole's adapter


@dataclass
class StyleRemix(Method):
    """The `axes` on which a person lies furthest from others, each pole's share searched on the person's `judged` newest records."""

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "train", "logprobs"})
    k: int = 1
    axes: int = 3
    rank: int = 8
    modules: tuple[str, ...] = ("q_proj", "v_proj")
    lr: float = 2e-3
    epochs: int = 2
    newest: int = 24
    shared_pairs: int = 384
    pole_pairs: int = 32
    judged: int = 8
    rounds: int = 2
    sparsity: float = 0.05
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        everyone = together(users, self.k, self.newest, self.shared_pairs, self.seed)
        task = self._train(lm, [everyone], 16, ["task"])[0]
        sides = {name: self._some(places) for name, places in poles(measured([answer for _, answer in everyone])).items()}
        jobs = [[(everyone[i][0].bent(adapters={task: 1.0}), everyone[i][1]) for i in places] for places in sides.values()]
        made, among = self._train(lm, jobs, 4, list(sides)), crowd(users)
        arrays = {"mean": among.mean, "spread": among.spread}
        self.shared = State(adapter=task, arrays=arrays, parts=tuple(State(adapter=adapter) for adapter in made))

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        mixes = [self._furthest(user) for user in users]
        told = [pairs(user, self.k, self.judged) for user in users]

        def costs(asked: Sequence[tuple[int, Floats]]) -> list[float]:
            rows = [(self._bent(r, _shares(mixes[i], point)), answer) for i, point in asked for r, answer in told[i]]
            bits = iter([score.bits_per_char for score in lm.score([r for r, _ in rows], [answer for _, answer in rows])])
            return [sum(next(bits) for _ in told[i]) / max(len(told[i]), 1) + self.sparsity * float(point.mean()) for i, point in asked]

        starts = [[np.zeros(len(mix)), np.array(list(mix.values()))] if mix else [] for mix in mixes]
        found = compass(costs, starts, step=0.4, rounds=self.rounds, bounds=(0.0, SHARES[-1][1]))
        kept = [self.quotable(user) for user in users]
        return [State(numbers=_shares(mix, point), records=r) for mix, point, r in zip(mixes, found, kept, strict=True)]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        return self._bent(quoting(request, state.records, self.k, lm), state.numbers)

    def _furthest(self, user: User) -> dict[str, float]:
        """The person's poles, and the shares that their distances from the crowd give them."""
        if not self.shared.parts:
            return {}
        trained = [part.adapter.name for part in self.shared.parts if part.adapter]
        far = Crowd(self.shared.arrays["mean"], self.shared.arrays["spread"]).furthest(user, self.axes, trained)
        return {name: next(share for most, share in SHARES if apart <= most) for name, apart in far.items()}

    def _bent(self, request: Request, shares: Mapping[str, float]) -> Request:
        task = {self.shared.adapter: 1.0} if self.shared.adapter else {}
        trained = [part.adapter for part in self.shared.parts if part.adapter]
        return request.bent(adapters=task | {adapter: shares[adapter.name] for adapter in trained if shares.get(adapter.name)})

    def _some(self, places: list[int]) -> list[int]:
        return random.Random(self.seed).sample(places, self.pole_pairs) if len(places) > self.pole_pairs else places

    def _train(self, lm: LM, jobs: Sequence[Sequence[Pair]], batch: int, names: Sequence[str]) -> list[Adapter]:
        plan = Plan(lr=self.lr, epochs=self.epochs, batch=batch, seed=self.seed)
        return sft(lm, jobs, rank=self.rank, alpha=self.rank, modules=self.modules, plan=plan, names=names)


def _shares(mix: Mapping[str, float], point: Floats) -> dict[str, float]:
    return {name: round(float(share), 4) for name, share in zip(mix, point, strict=True)}
