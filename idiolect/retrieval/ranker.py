"""What every ranker is: records in, and for a query the nearest of them out, best first, by one tie rule."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from idiolect.errors import RequestError
from idiolect.types import Record
from idiolect.wording import about

Scores = NDArray[np.float64]  # (records,), higher is nearer
Order = NDArray[np.intp]  # (records,), positions, best first


class Ranker(ABC):
    """Ranks one person's records for a query. Made anew for each history: it never changes."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = records

    @abstractmethod
    def scores(self, query: str) -> Scores:
        """How near each record is to `query`, in the order of the records."""

    def order(self, query: str) -> Order:
        """The positions of all records, best first. Of equal scores the later record comes first."""
        return later_first(self.scores(query))

    def search(self, query: str, k: int) -> list[Record]:
        """The `k` best records, best first: all of them where there are fewer, none for k=0. Raises RequestError for k < 0."""
        if k < 0:
            raise RequestError(f"k is how many records to find, 0 or more, not {k}")
        if k == 0 or not len(self.records):
            return []
        return [self.records[i] for i in self.best(query, k)]

    def best(self, query: str, k: int) -> Order:
        """The first `k` of `order`."""
        return self.order(query)[:k]


def later_first(scores: Scores) -> Order:
    """Positions by falling score; equal scores by falling position, so that what a person did last counts more."""
    backwards = np.argsort(-scores[::-1], kind="stable")
    return np.asarray(len(scores) - 1 - backwards, dtype=np.intp)


def first_of(scores: Scores, k: int) -> Order:
    """The first `k` of `later_first`, k > 0, without putting the others in order."""
    if k >= len(scores):
        return later_first(scores)
    candidates = np.flatnonzero(scores >= np.partition(scores, -k)[-k])
    return candidates[later_first(scores[candidates])[:k]]


def indexed(record: Record, answers_only: bool = False) -> str:
    """The text a record is found by: what its prompt is about, without the instruction that all of them share, and its answer."""
    return record.answer if answers_only else f"{about(record.prompt)}\n{record.answer}"
