"""ComPO: one model for everybody that is told which community asks, and learnt what each community prefers.

Kumar, Park, Tsvetkov, Smith, Hajishirzi. ComPO: Community Preferences for Language Model Personalization. NAACL 2025, arXiv:2410.16027.

Supervised fine-tuning on what was chosen, then DPO from there, both with the community's name in the context; somebody of no community
is told a generic name, not none. Departs from the paper: communities are found, as clusters of people by what they wrote (`communities`
says how many), or are named in words that a person's texts are nearest to; votes are replaced by what each person prefers; `k` earlier
records are told; higher learning rates. In the released code a switch that is a string leaves the name in runs that should do without.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import quoting
from idiolect.training.choices import PREFERRING, Taking, preferences_together
from idiolect.training.clusters import portraits
from idiolect.training.communities import gathered
from idiolect.training.embeddings import of_question
from idiolect.training.loop import Plan, local
from idiolect.training.preference import DPO, aligned
from idiolect.types import WRITTEN, Floats, Request, State, User

TOLD = "Community: {}"
GENERIC = "anyone"


@dataclass
class ComPO(Method):
    """So many `communities` are found, or these are named; LoRAs of `rank` for everybody; a state says whose community the person is of."""

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "train"})
    reads: ClassVar[frozenset[str]] = PREFERRING
    communities: int | tuple[str, ...] = 4
    k: int = 1
    rank: int = 8
    beta: float = 0.1
    lr: float = 2e-3
    own_lr: float = 4e-5
    epochs: int = 2
    newest: int = 24
    shared_pairs: int = 384
    answer_tokens: int = 32
    depth: float = 0.5
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        centres = {"centres": self._centres(users, lm)}
        self.shared = State(arrays=centres)
        names = [self._told(label) for label in self._labels(users, lm)]
        taking = Taking(self.k, self.newest, self.answer_tokens, at_most=self.shared_pairs, seed=self.seed)
        everyone, owners = preferences_together(lm, users, taking)
        told = [(request.told(names[who]), chosen, left) for who, (request, chosen, left) in zip(owners, everyone, strict=True)]
        begin, plan = (Plan(lr=lr, epochs=self.epochs, batch=16, seed=self.seed) for lr in (self.lr, self.own_lr))
        both = aligned(lm, told, DPO(self.beta), self.rank, begin, plan)
        self.shared = State(arrays=centres, parts=tuple(State(adapter=adapter) for adapter in both))

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        labels = self._labels(users, lm)
        own = [{} if label is None else {"community": float(label)} for label in labels]
        return [State(numbers=one, records=self.quotable(user)) for one, user in zip(own, users, strict=True)]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        told = quoting(request, state.records.of(WRITTEN), self.k, lm)
        if not self.shared.parts:
            return told
        label = int(state.numbers["community"]) if "community" in state.numbers else None
        return told.told(self._told(label)).bent(adapters={part.adapter: 1.0 for part in self.shared.parts if part.adapter})

    def _centres(self, users: Sequence[User], lm: LM) -> Floats:
        """(communities, width): the middle of each group of two people or more; or what names read as, moved so that theirs is people's."""
        points = self._points([user for user in users if user.records.of(WRITTEN)], lm)
        if isinstance(self.communities, int):
            groups = gathered(points, self.communities, 2, self.seed)  # one person alone would be shared as they are
            return np.stack([points[group].mean(axis=0) for group in groups]) if groups else points[:0]
        names = np.stack([of_question(local(lm, "ComPO"), name, self.depth) for name in self.communities])
        made: Floats = names - names.mean(axis=0) + (points.mean(axis=0) if len(points) else 0)
        return made

    def _labels(self, users: Sequence[User], lm: LM) -> list[int | None]:
        """The nearest community of each person; None for somebody who wrote nothing, and before `fit`."""
        centres = self.shared.arrays.get("centres", np.zeros((0, 0)))
        if not len(centres):
            return [None for _ in users]
        far = ((self._points(users, lm)[:, None] - centres[None]) ** 2).sum(axis=2)
        return [int(own.argmin()) if user.records.of(WRITTEN) else None for own, user in zip(far, users, strict=True)]

    def _points(self, users: Sequence[User], lm: LM) -> Floats:
        return portraits(lm, [user.records.of(WRITTEN).newest(self.newest) for user in users], self.depth)

    def _told(self, label: int | None) -> str:
        if label is None:
            return TOLD.format(GENERIC)
        return TOLD.format(f"c{label + 1}" if isinstance(self.communities, int) else self.communities[label])
