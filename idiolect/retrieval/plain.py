"""Rankers that do not read the query's words: the latest records, and records drawn by lot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from idiolect.retrieval.ranker import Ranker, Scores
from idiolect.types import Record, digest


class Recency(Ranker):
    """The latest records first; scores are their times."""

    def scores(self, query: str) -> Scores:
        return np.array([record.time for record in self.records], dtype=np.float64)


class Random(Ranker):
    """Records by lot, none twice. The draw hangs on the seed and the query: asked again, it is the same."""

    def __init__(self, records: Sequence[Record], seed: int = 0) -> None:
        super().__init__(records)
        self.seed = seed

    def scores(self, query: str) -> Scores:
        return np.random.default_rng(int(digest(str(self.seed), query), 16)).random(len(self.records))
