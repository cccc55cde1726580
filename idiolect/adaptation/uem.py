"""UEM: each of a person's records becomes one vector before the text; a small transformer writes them, in sight of one another.

Doddapaneni, Sayana, Jash, Sodhi, Kuzmin. User Embedding Model for Personalized Language Prompting. PERSONALIZE 2024,
arXiv:2401.04858. No code was released.

Departs from the paper: the language model is frozen, where theirs is fine-tuned along; records are read by the model itself in
place of Sentence-T5, so that nothing else is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor, nn

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.models.local import LocalLM
from idiolect.training.encoder import Block, Network, as_prefixes, drawn, taught
from idiolect.training.lessons import Course
from idiolect.training.loop import local
from idiolect.types import Prefix, Request, State, User


class UserEmbedding(Network):
    """One vector for each record, oldest first."""

    def __init__(self, width: int, inner: int, layers: int, items: int, norm: float) -> None:
        super().__init__(width)
        self.ahead, self.scale = items, norm / width**0.5
        self.inward, self.outward = nn.Linear(2 * width, inner), nn.Linear(inner, width)
        self.blocks = nn.ModuleList(Block(inner, heads=4) for _ in range(layers))
        self.even = nn.LayerNorm(inner)

    def forward(self, history: Tensor, there: Tensor, asked: Tensor) -> list[Tensor]:
        seen = there[:, None] | torch.eye(there.shape[1], dtype=torch.bool, device=there.device)  # padding sees itself: no row is empty
        x = self.inward(history.flatten(2))
        for block in self.blocks:
            x = block(x, x, seen)
        vectors = self.outward(self.even(x)) * self.scale
        return [own[kept] for own, kept in zip(vectors, there, strict=True)]


@dataclass
class UEM(Method):
    """The `items` last records through `layers` of width `inner`."""

    needs: ClassVar[frozenset[str]] = frozenset({"prefix", "train"})
    quotes: ClassVar[bool] = False
    items: int = 16
    inner: int = 128
    layers: int = 1
    depth: float = 0.34
    lr: float = 2e-3
    epochs: int = 3
    newest: int = 24
    shared_pairs: int = 384
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        model = local(lm, "UEM")
        self.shared = taught(model, users, self._network(model), self._course, self.lr, self.epochs)

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        model = local(lm, "UEM")
        return as_prefixes(model, users, self._network(model), self.shared, self._course)

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        vectors = state.arrays.get("prefix")
        return request if vectors is None or not len(vectors) else request.bent(prefix=Prefix(vectors, "uem"))

    @property
    def _course(self) -> Course:
        return Course(0, self.newest, self.shared_pairs, self.items, depth=self.depth, seed=self.seed)

    def _network(self, lm: LocalLM) -> UserEmbedding:
        return drawn(partial(UserEmbedding, lm.width, self.inner, self.layers, self.items, lm.embedding_norm), self.seed)
