"""How good a ranking is, and how alike two texts are: reciprocal rank, average precision, nDCG, recall at k, and the F1 of words.

All take `scores`, higher is ranked first, and what each item is worth, in one order. Equal scores are no order: a measure is then
its mean over all orders of the tied items, in closed form (McSherry and Najork, Computing Information Retrieval Performance
Measures Efficiently in the Presence of Tied Scores, ECIR 2008). Where nothing is relevant every measure is 0, as trec_eval has it:
who does not want such queries counted leaves them out. Raise DataError where the two differ in length.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from math import comb

import numpy as np

from idiolect.errors import DataError
from idiolect.retrieval.bm25 import words
from idiolect.types import Floats

Measure = Callable[[Sequence[float] | Floats, Sequence[float] | Floats], float]


def reciprocal_rank(scores: Sequence[float] | Floats, relevant: Sequence[float] | Floats) -> float:
    """1 / the rank of the first item whose `relevant` is above 0; its mean over queries is the MRR."""
    for before, worth in _tied(scores, relevant):
        size, hits = len(worth), int((worth > 0).sum())
        if hits:  # the first of `hits` among `size` stands at place i in C(size - i, hits - 1) of C(size, hits) draws
            ways = [comb(size - place, hits - 1) / (before + place) for place in range(1, size - hits + 2)]
            return sum(ways) / comb(size, hits)
    return 0.0


def average_precision(scores: Sequence[float] | Floats, relevant: Sequence[float] | Floats) -> float:
    """The mean, over the items whose `relevant` is above 0, of the share of relevant items down to each; its mean is the MAP."""
    found, total = 0, 0.0
    for before, worth in _tied(scores, relevant):
        size, hits = len(worth), int((worth > 0).sum())
        for place in range(1, size + 1):
            above = (place - 1) * (hits - 1) / (size - 1) if size > 1 else 0.0  # of the other hits, those expected before this one
            total += hits / size * (found + 1 + above) / (before + place)
        found += hits
    return total / found if found else 0.0


def ndcg(scores: Sequence[float] | Floats, gains: Sequence[float] | Floats, k: int | None = None) -> float:
    """The sum of gain / log2(1 + rank) over the first `k` (None: all), of the greatest that any order has. Gains are 0 or more.

    Järvelin and Kekäläinen, Cumulated Gain-based Evaluation of IR Techniques, TOIS 2002.
    """
    reached = min(len(gains), len(gains) if k is None else k)
    discounts = np.append(1 / np.log2(np.arange(2, reached + 2)), np.zeros(len(gains) - reached))
    best = float(np.sort(np.asarray(gains, np.float64))[::-1] @ discounts)
    made = sum(worth.mean() * discounts[before : before + len(worth)].sum() for before, worth in _tied(scores, gains))
    return float(made) / best if best > 0 else 0.0


def recall(scores: Sequence[float] | Floats, relevant: Sequence[float] | Floats, k: int) -> float:
    """The share of the items whose `relevant` is above 0 that stands among the first `k`."""
    found, total = 0.0, 0
    for before, worth in _tied(scores, relevant):
        hits = int((worth > 0).sum())
        found += hits * min(max(k - before, 0), len(worth)) / len(worth)
        total += hits
    return found / total if total else 0.0


def averaged(measure: Measure, queries: Sequence[tuple[Sequence[float] | Floats, Sequence[float] | Floats]]) -> float:
    """The mean of a measure over queries: MRR of reciprocal ranks, MAP of average precisions. Raises DataError for no queries."""
    if not queries:
        raise DataError("a measure of no queries at all is nothing: give at least one")
    return float(np.mean([measure(scores, worth) for scores, worth in queries]))


def alike(said: str, wrote: str) -> float:
    """The F1 of the words of two texts, counted with repeats: 1 for the same words in any order, 0 for none in common or no words."""
    one, other = Counter(words(said)), Counter(words(wrote))
    return 2 * (one & other).total() / max(one.total() + other.total(), 1)


def _tied(scores: Sequence[float] | Floats, worth: Sequence[float] | Floats) -> Iterator[tuple[int, Floats]]:
    """Groups of equal scores, best first: how many items stand before the group, and what its items are worth."""
    by, of = np.asarray(scores, np.float64), np.asarray(worth, np.float64)
    if by.shape != of.shape or by.ndim != 1:
        raise DataError(f"each item has one score and one worth, in two lists of one length, not {by.shape} and {of.shape}")
    before = 0
    for score in np.unique(by)[::-1]:
        group = of[by == score]
        yield before, group
        before += len(group)
