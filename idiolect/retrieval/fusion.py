"""Reciprocal-rank fusion: Cormack, Clarke and Buettcher, Reciprocal Rank Fusion outperforms Condorcet, SIGIR 2009."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from idiolect.errors import RequestError
from idiolect.retrieval.ranker import Ranker, Scores
from idiolect.types import Record


def fuse(rankings: Sequence[Sequence[Record]], c: float = 60) -> list[Record]:
    """The records of several rankings in one: each scores the sum of 1 / (c + rank), ranks from 1, over the rankings it is in.

    Of equal scores the record of the later time comes first, then the one met first. A record that a ranking holds twice
    counts at its better rank.
    """
    made: dict[Record, float] = defaultdict(float)
    for ranking in rankings:
        for rank, record in enumerate(dict.fromkeys(ranking), start=1):
            made[record] += 1 / (c + rank)
    return sorted(made, key=lambda record: (-made[record], -record.time))


class Fusion(Ranker):
    """Several rankers of the same records as one: `Fusion([BM25(records), Dense(records)])`. Raises RequestError if they differ."""

    def __init__(self, rankers: Sequence[Ranker], c: float = 60) -> None:
        if not rankers or any(list(ranker.records) != list(rankers[0].records) for ranker in rankers):
            raise RequestError("a fusion needs one or more rankers, all made of the same records")
        super().__init__(rankers[0].records)
        self.rankers, self.c = tuple(rankers), c

    def scores(self, query: str) -> Scores:
        made = np.zeros(len(self.records))
        for ranker in self.rankers:
            made[ranker.order(query)] += 1 / (self.c + np.arange(1, len(self.records) + 1))
        return made
