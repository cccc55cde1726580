"""Search over a few numbers without gradients: compass search, many at once (Kolda, Lewis, Torczon, doi:10.1137/S003614450242889)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from idiolect.types import Floats

Costs = Callable[[Sequence[tuple[int, Floats]]], Sequence[float]]  # (search, point) each -> what each costs; lower is better
MARGIN = 1e-4  # a point that is better by less is no better: rounding must not decide


def compass(costs: Costs, starts: Sequence[Sequence[Floats]], *, step: float, rounds: int, bounds: tuple[float, float]) -> list[Floats]:
    """The best point that each search finds within `bounds`; it begins at the best of its `starts`.

    In each round all searches ask for their neighbours, `step` away along each axis, in one call of `costs`; each goes to its best
    neighbour, or halves its own step where none is better. A search of points without axes has nothing to ask.
    """
    asked = [(search, point) for search, points in enumerate(starts) for point in points]
    best = _best(asked, costs(asked), [(np.zeros(0), np.inf)] * len(starts))
    steps = [step] * len(starts)
    for _ in range(rounds):
        asked = [(i, point) for i, (at, _) in enumerate(best) for point in _around(at, steps[i], bounds)]
        if not asked:
            break
        found = _best(asked, costs(asked), best)
        steps = [now if new[1] < old[1] else now / 2 for now, new, old in zip(steps, found, best, strict=True)]
        best = found
    return [point for point, _ in best]


def _best(asked: Sequence[tuple[int, Floats]], costs: Sequence[float], before: list[tuple[Floats, float]]) -> list[tuple[Floats, float]]:
    made = list(before)
    for (search, point), cost in zip(asked, costs, strict=True):
        if cost < made[search][1] - MARGIN:
            made[search] = (point, float(cost))
    return made


def _around(at: Floats, step: float, bounds: tuple[float, float]) -> list[Floats]:
    moves = [sign * step * axis for axis in np.eye(len(at)) for sign in (1.0, -1.0)]
    points = [np.clip(at + move, *bounds) for move in moves]
    return [point for point in points if not np.array_equal(point, at)]
