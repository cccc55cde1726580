"""What a set of points that trade objectives against one another is worth: (points, objectives), more of each is better.

Hypervolume and coverage: Zitzler and Thiele, IEEE TEC 3(4), 1999, doi:10.1109/4235.797969. Spacing: Schott, 1995. Sparsity: Xu et al.,
Prediction-Guided Multi-Objective Reinforcement Learning, ICML 2020.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from idiolect.errors import RequestError
from idiolect.types import Floats


def pareto(points: Floats) -> NDArray[np.bool_]:
    """(points,): which are dominated by none, that is by no point as good in all objectives and better in one. Equal points all count."""
    ahead = (points[:, None] >= points[None]).all(axis=2) & (points[:, None] > points[None]).any(axis=2)
    return np.asarray(~ahead.any(axis=0))


def hypervolume(points: Floats, reference: Sequence[float]) -> float:
    """The volume that the points dominate above `reference`: exact, in as many dimensions as there are, meant for some hundred points.

    A point that is not above the reference in all objectives adds nothing. Raises RequestError for a reference of another length.
    """
    low = np.asarray(reference, np.float64)
    if points.ndim != 2 or points.shape[1] != len(low):
        raise RequestError(f"a reference of {len(low)} numbers for points {points.shape}: give one number for each objective")
    above = points[(points > low).all(axis=1)] - low
    return _volume(above[pareto(above)]) if len(above) else 0.0


def _volume(points: Floats) -> float:
    """Of the union of boxes from 0 to each point, all above 0: slice by slice of the last objective, from the top down."""
    if points.shape[1] == 1:
        return float(points.max())
    order = points[np.argsort(-points[:, -1], kind="stable")]
    heights = np.append(order[:, -1], 0.0)
    total = 0.0
    for place in range(len(order)):
        if (thick := float(heights[place] - heights[place + 1])) > 0:
            seen = order[: place + 1, :-1]
            total += thick * _volume(seen[pareto(seen)])
    return total


def sparsity(points: Floats) -> float:
    """Mean over neighbours of the squared gap between them, summed over objectives, each sorted by itself; 0 for a single point."""
    if len(points) < 2:
        return 0.0
    return float((np.diff(np.sort(points, axis=0), axis=0) ** 2).sum() / (len(points) - 1))


def spacing(points: Floats) -> float:
    """Standard deviation (n - 1) of each point's distance in L1 to its nearest: 0 where they stand evenly, and for less than two."""
    if len(points) < 2:
        return 0.0
    apart = np.abs(points[:, None] - points[None]).sum(axis=2)
    np.fill_diagonal(apart, np.inf)
    return float(apart.min(axis=1).std(ddof=1))


def coverage(ours: Floats, theirs: Floats) -> float:
    """The share of `theirs` that a point of `ours` is as good as in every objective, or better. Not symmetric."""
    if not len(theirs):
        return 0.0
    return float((ours[:, None] >= theirs[None]).all(axis=2).any(axis=0).mean())


def obedience(weights: Floats, points: Floats) -> float:
    """The mean inner product of what was asked for (points, objectives) and what came: Panacea's fourth measure."""
    return float((weights * points).sum(axis=1).mean())
