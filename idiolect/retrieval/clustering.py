"""Agglomerative clustering by average linkage (Sokal and Michener, University of Kansas Science Bulletin, 1958), and trees of clusters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from idiolect.errors import RequestError
from idiolect.retrieval.embedders import unit
from idiolect.types import Floats


def agglomerate(vectors: Floats, count: int) -> list[int]:
    """The cluster of each row of `vectors` (n, width), 0 to `count` - 1 in the order of their first rows.

    The two clusters whose rows are nearest on average, by the product of vectors of length 1, become one until `count` are left;
    of equals those of the lowest places. Raises RequestError for a count under 1.
    """
    if count < 1:
        raise RequestError(f"{count} clusters hold nothing: ask for 1 or more")
    near = np.asarray(vectors, np.float64) @ np.asarray(vectors, np.float64).T  # (n, n), of clusters by their first row
    np.fill_diagonal(near, -np.inf)
    sizes, first = np.ones(len(near)), np.arange(len(near))
    for _ in range(len(near) - count):
        one, other = sorted(divmod(int(near.argmax()), len(near)))
        joined = (sizes[one] * near[one] + sizes[other] * near[other]) / (sizes[one] + sizes[other])
        near[one], near[:, one] = joined, joined
        near[other], near[:, other], near[one, one] = -np.inf, -np.inf, -np.inf
        sizes[one] += sizes[other]
        first[first == other] = one
    places = {place: number for number, place in enumerate(dict.fromkeys(first.tolist()))}
    return [places[place] for place in first.tolist()]


def tree(vectors: Floats, top: int = 15, fan: int = 6) -> list[int]:
    """The parent of each node: of the rows of `vectors`, then of the clusters of them, then of clusters of those; -1 at the top.

    Each level has a `fan`-th of the nodes below it, until `top` or fewer are left; no more rows than that are a single level.
    Raises RequestError for a `fan` under 2 or a `top` under 1.
    """
    if fan < 2 or top < 1:
        raise RequestError(f"a tree needs 2 or more nodes under each and 1 or more at the top, not {fan} and {top}")
    parents, level, points = [-1] * len(vectors), list(range(len(vectors))), vectors
    while len(level) > top:
        labels = np.array(agglomerate(points, max(1, len(level) // fan)))
        for node, label in zip(level, labels.tolist(), strict=True):
            parents[node] = len(parents) + label
        level = list(range(len(parents), len(parents) + int(labels.max()) + 1))
        points = unit(np.stack([points[labels == label].mean(axis=0) for label in range(len(level))]))
        parents += [-1] * len(level)
    return parents


def under(parents: Sequence[int], leaves: int) -> list[list[int]]:
    """For each node of a `tree` the leaves below it; a leaf stands below itself."""
    made: list[list[int]] = [[] for _ in parents]
    for leaf in range(leaves):
        node = leaf
        while node >= 0:
            made[node].append(leaf)
            node = parents[node]
    return made
