"""PERSOMA: all of a person's records resampled into a few vectors before the text.

Hebert, Sayana, Jash, Karatzoglou, Sodhi, Doddapaneni, Cai, Kuzmin. PERSOMA: PERsonalized SOft ProMpt Adapter Architecture for
Personalized Language Prompting. 2024, arXiv:2408.00960. No code was released.

A perceptron for each record, and learnt queries that look at all records and at one another, as in the paper's Perceiver.
Departs from the paper: records are read by the model itself in place of Sentence-T5, so that nothing else is needed.
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


class Resampler(Network):
    """`length` vectors, however many records there are. Without any, the queries speak: what everybody has in common."""

    def __init__(self, width: int, inner: int, length: int, norm: float) -> None:
        super().__init__(width)
        self.ahead, self.scale = length, norm / width**0.5
        self.inward = nn.Sequential(nn.Linear(2 * width, inner), nn.GELU(), nn.Linear(inner, inner))
        self.queries = nn.Parameter(torch.randn(length, inner))
        self.block, self.outward = Block(inner, heads=4), nn.Linear(inner, width)
        self.even = nn.LayerNorm(inner)

    def forward(self, history: Tensor, there: Tensor, asked: Tensor) -> list[Tensor]:
        queries = self.queries.expand(len(history), -1, -1)
        memory = torch.cat([self.inward(history.flatten(2)), queries], dim=1)
        seen = torch.cat([there, there.new_ones(queries.shape[:2])], dim=1)[:, None].expand(-1, queries.shape[1], -1)
        made = self.outward(self.even(self.block(queries, memory, seen))) * self.scale
        return list(made)


@dataclass
class PERSOMA(Method):
    """The `items` last records become `length` vectors, through a network of width `inner`."""

    needs: ClassVar[frozenset[str]] = frozenset({"prefix", "train"})
    quotes: ClassVar[bool] = False
    items: int = 32
    length: int = 8
    inner: int = 128
    depth: float = 0.34
    lr: float = 2e-3
    epochs: int = 3
    newest: int = 24
    shared_pairs: int = 384
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        model = local(lm, "PERSOMA")
        self.shared = taught(model, users, self._network(model), self._course, self.lr, self.epochs)

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        model = local(lm, "PERSOMA")
        return as_prefixes(model, users, self._network(model), self.shared, self._course)

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        return request.bent(prefix=Prefix(state.arrays["prefix"], "persoma")) if state.arrays else request

    @property
    def _course(self) -> Course:
        return Course(0, self.newest, self.shared_pairs, self.items, depth=self.depth, seed=self.seed)

    def _network(self, lm: LocalLM) -> Resampler:
        return drawn(partial(Resampler, lm.width, self.inner, self.length, lm.embedding_norm), self.seed)
