"""People as points, and the clusters they form: the mean state of what each wrote, and k-means with the seeding of k-means++."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from idiolect.errors import RequestError
from idiolect.models.lm import LM
from idiolect.training.embeddings import of_records
from idiolect.training.loop import local
from idiolect.types import Floats, Record

ROUNDS = 100


def portraits(lm: LM, histories: Sequence[Sequence[Record]], depth: float = 0.5) -> Floats:
    """A point for each history, (histories, width): the model's states over each answer, averaged over the records that have one.

    States are those after the block at `depth` of the model's height, 0 to 1. Zeros for a history without answers. Raises ModelError
    for a model whose weights are out of reach.
    """
    model = local(lm, "reading activations")
    vectors = of_records(model, [record for history in histories for record in history], depth)[:, 1]
    made, at = np.zeros((len(histories), model.width), np.float32), 0
    for row, history in enumerate(histories):
        own = vectors[at : at + len(history)]
        made[row] = own.sum(axis=0) / max(int(own.any(axis=1).sum()), 1)
        at += len(history)
    return made


def kmeans(points: Floats, k: int, seed: int = 0) -> list[int]:
    """The cluster of each of `points` (n, width), 0 to k - 1; with no more points than clusters, each is its own.

    Centres start as k-means++ draws them: Arthur and Vassilvitskii, SODA 2007; then Lloyd's rounds until nobody moves.
    Raises RequestError for k below 1.
    """
    if k < 1:
        raise RequestError(f"{k} clusters hold nobody: ask for 1 or more")
    if len(points) <= k:
        return list(range(len(points)))
    centres = _centres(points, k, np.random.default_rng(seed))
    labels = _distances(points, centres).argmin(axis=1)
    for _ in range(ROUNDS):
        here = np.unique(labels)
        centres[here] = [points[labels == label].mean(axis=0) for label in here]  # an empty cluster keeps its centre
        moved = _distances(points, centres).argmin(axis=1)
        if (moved == labels).all():
            break
        labels = moved
    return [int(label) for label in labels]


def _centres(points: Floats, k: int, chance: np.random.Generator) -> Floats:
    chosen = [int(chance.integers(len(points)))]
    while len(chosen) < k:
        far = _distances(points, points[chosen]).min(axis=1)
        odds = far / far.sum() if far.sum() > 0 else None  # None: all points coincide with a centre
        chosen.append(int(chance.choice(len(points), p=odds)))
    return points[chosen].astype(np.float64)


def _distances(points: Floats, centres: Floats) -> Floats:
    """Squared Euclidean distances (points, centres)."""
    made: Floats = ((points[:, None].astype(np.float64) - centres[None]) ** 2).sum(axis=2)
    return made
