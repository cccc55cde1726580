"""P-Tailor: LoRA experts that traits share, and a person's own mixture of them by the traits that the person shows.

Dan, Zhou, Chen, Tian, He. P-React: Synthesizing Topic-Adaptive Reactions of Personality Traits via Mixture of Specialized LoRA
Experts (first called P-Tailor). Findings of ACL 2025, arXiv:2406.12548.

Departs from the paper: traits are the poles of countable axes of style on which a person lies furthest from others, in place of
the Big Five, which histories do not tell; one router for all modules; questions are told earlier records, in training as in use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import quoting
from idiolect.training.loop import Plan
from idiolect.training.owners import owned
from idiolect.training.specialists import specialists
from idiolect.training.style_axes import POLES, Crowd, crowd
from idiolect.types import Floats, Request, State, User


@dataclass
class PTailor(Method):
    """`experts` LoRAs of `rank` for all, mixed for each person by the poles of the `axes` on which they lie furthest from others."""

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "train"})
    k: int = 1
    axes: int = 3
    experts: int = 8
    rank: int = 4
    specialization: float = 0.1
    modules: tuple[str, ...] = ("q_proj", "v_proj")
    lr: float = 2e-3
    epochs: int = 2
    newest: int = 24
    shared_pairs: int = 512
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        among = crowd(users)
        told, owners = owned(users, self.k, self.newest, self.shared_pairs, self.seed)
        shown = [_row(self._traits(among, user)) for user in users]
        traits = np.stack([shown[owner] for owner in owners]) if owners else np.zeros((0, len(POLES)))
        plan = Plan(lr=self.lr, epochs=self.epochs, batch=16, seed=self.seed)
        size = (self.experts, self.rank)
        made, routes = specialists(lm, told, traits, size=size, modules=self.modules, specialization=self.specialization, plan=plan)
        arrays = {"mean": among.mean, "spread": among.spread, "routes": routes}
        self.shared = State(arrays=arrays, parts=tuple(State(adapter=expert) for expert in made))

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        arrays = self.shared.arrays
        among = Crowd(arrays["mean"], arrays["spread"]) if arrays else None
        kept = [self.quotable(user) for user in users]
        return [State(numbers=self._traits(among, user) if among else {}, records=r) for user, r in zip(users, kept, strict=True)]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        shares = _row(state.numbers) @ self.shared.arrays["routes"] if self.shared.parts else ()
        mixture = {part.adapter: float(share) for part, share in zip(self.shared.parts, shares, strict=True) if part.adapter}
        return quoting(request, state.records, self.k, lm).bent(adapters=mixture)

    def _traits(self, among: Crowd, user: User) -> dict[str, float]:
        """The person's traits, all alike; none for somebody who wrote nothing."""
        found = among.furthest(user, self.axes)
        return {name: 1.0 / len(found) for name in found}


def _row(traits: Mapping[str, float]) -> Floats:
    """Shares of all poles (poles,); of nobody in particular, all alike."""
    return np.array([traits.get(name, 0.0) for name in POLES]) if traits else np.full(len(POLES), 1 / len(POLES))
