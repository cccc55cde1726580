"""The shortest vector in the convex hull of several gradients: weights under which a step helps every task, or hinders none.

Désidéri. Multiple-gradient descent algorithm. Comptes Rendus Mathématique 350 (2012), doi:10.1016/j.crma.2012.03.014. Found by
Frank-Wolfe steps from the worst vector in use towards the best one (Guélat and Marcotte, Mathematical Programming 35, 1986), which
arrive at the exact weights where plain Frank-Wolfe steps only approach them.
"""

from __future__ import annotations

import numpy as np

from idiolect.errors import RequestError
from idiolect.types import Floats

STEPS = 1_000
CLOSE = 1e-12  # of the largest squared length


def min_norm(vectors: Floats) -> Floats:
    """(tasks,): weights, 0 or more and 1 together, under which the sum of vectors (tasks, width) is shortest.

    Equal vectors get equal weights. Raises RequestError for no vectors, and for numbers that are not finite.
    """
    if not len(vectors) or not np.isfinite(vectors).all():
        raise RequestError(f"the shortest sum is of one or more vectors of finite numbers, not of {vectors.shape} with something else")
    gram = vectors.astype(np.float64) @ vectors.astype(np.float64).T
    weights: Floats = np.full(len(gram), 1 / len(gram))
    scale = max(float(np.diag(gram).max()), 1e-300)
    for _ in range(STEPS):
        slope = gram @ weights
        toward, away = int(slope.argmin()), int(np.where(weights > 0, slope, -np.inf).argmax())
        gap = slope[away] - slope[toward]
        if gap <= CLOSE * scale:
            break
        curve = gram[away, away] - 2 * gram[away, toward] + gram[toward, toward]
        step = min(float(weights[away]), float(gap / curve) if curve > 0 else np.inf)
        weights[away], weights[toward] = weights[away] - step, weights[toward] + step
    made: Floats = weights.clip(min=0) / weights.clip(min=0).sum()
    return made


def averaged(before: Floats | None, now: Floats, fresh: float = 0.99) -> Floats:
    """An exponential average of gradients, `fresh` of it the new ones; the first are taken as they are.

    MORE's code begins the average with the head's random weights, which are no gradient.
    """
    return now if before is None else (1 - fresh) * before + fresh * now


def normalised(vectors: Floats) -> Floats:
    """Each of vectors (tasks, width) scaled to length 1, so that a task with large gradients has no smaller weight; zeros stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    made: Floats = vectors / np.where(lengths > 0, lengths, 1.0)
    return made
