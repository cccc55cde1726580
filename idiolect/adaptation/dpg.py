"""DPG: a small network writes an adapter from scores, those that a person's texts have or those that somebody asks for.

Liu, Gu, Zheng, Xiang, Wu, Fu, He. Dynamic Generation of Personalities with Large Language Models. 2024, arXiv:2404.07084.

Departs from the paper: scores are of axes of style that anybody can count again (`training.style_axes`), in place of the Big Five as a
large model assesses them: then who grades is not who labelled, and what the texts of a person do not tell is not made up. A pair is
taught with the scores of strictly earlier texts. The hypernetwork's form is ours; the paper's was not to be had. Questions are told
`k` earlier records too, in training as in use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar

import numpy as np
import torch

from idiolect.errors import MethodError
from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.models.local import LocalLM
from idiolect.prompt import quoting
from idiolect.retrieval import BM25
from idiolect.training.encoder import drawn, restored, teach
from idiolect.training.hypernetwork import Hypernetwork, shapes
from idiolect.training.lessons import Lesson
from idiolect.training.loop import Plan, local
from idiolect.training.pairs import few
from idiolect.training.style_axes import AXES, measured
from idiolect.types import Floats, History, Record, Request, State, User, ask
from idiolect.wording import quote


@dataclass
class DPG(Method):
    """An adapter of `rank` on `modules` from the scores of the `items` last texts; a score in `target` takes the place of the person's.

    Scores are spreads of a text from the mean of all texts, by axis: {"length": 2.0, "digits": -1.0}.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "train"})
    k: int = 1
    items: int = 32
    rank: int = 8
    traits: int = 8
    target: Mapping[str, float] = field(default_factory=dict)
    modules: tuple[str, ...] = ("q_proj", "v_proj")
    lr: float = 2e-3
    epochs: int = 2
    newest: int = 24
    shared_pairs: int = 384
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        model = local(lm, "DPG")
        chosen = few(users, self.newest, self.shared_pairs, self.seed)
        plan = Plan(lr=self.lr, epochs=self.epochs, batch=16, seed=self.seed)
        self.shared = State(arrays=teach(model, self._network(model), [self._lesson(users[who], record) for who, record in chosen], plan))

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        return [State(numbers=self._scores(user.records), records=user.records) for user in users]

    def observe(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        return self.enroll([user], lm)[0]  # scores are counted: no model is asked

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        told = quoting(request, state.records, self.k, lm)
        if not self.shared.arrays:
            return told
        scores = {**state.numbers, **self.target}
        if unknown := sorted(scores.keys() - AXES.keys()):
            raise MethodError(f"there is no axis {unknown[0]!r} to aim at; there are {', '.join(AXES)}")
        network = restored(self._network(local(lm, "DPG")), self.shared.arrays)
        means = torch.tensor([0.0] * len(AXES) + [scores.get(axis, 0.0) for axis in AXES])
        return told.bent(adapters={network.adapter(network.pressed(means), "scores"): 1.0})

    def _scores(self, records: History) -> dict[str, float]:
        """The person's mean by axis, in spreads; nothing of somebody who wrote nothing, or before anybody taught it."""
        if not len(records) or not self.shared.arrays:
            return {}
        mean, spread = (self.shared.arrays[name][1] for name in ("mean", "spread"))
        own = (_styles(records.newest(self.items))[:, 1] - mean) / spread
        return dict(zip(AXES, own.mean(axis=0).tolist(), strict=True))

    def _lesson(self, user: User, record: Record) -> Lesson:
        earlier = user.records.before(record)
        near = BM25(earlier).search(record.prompt, self.k) if self.k else []
        asked = ask(record.prompt).told(quote(near), because=near)
        return Lesson((asked, record.answer), _styles(earlier.newest(self.items)), np.zeros(len(AXES), np.float32))

    def _network(self, lm: LocalLM) -> Hypernetwork:
        return drawn(partial(Hypernetwork, len(AXES), shapes(lm, self.modules), self.rank, self.traits), self.seed)


def _styles(records: History) -> Floats:
    """(records, 2, AXES): nothing of what was asked, and the axes of what was answered."""
    own = measured([record.answer for record in records]).astype(np.float32)
    return np.stack([np.zeros_like(own), own], axis=1)
