"""Preference vectors: where they are drawn from, and how one number is made of several objectives, the more of each the better.

Dynamic weights by gradient norms: de Langis, Koo, Kang. Dynamic Multi-Reward Weighting for Multi-Style Controllable Generation. EMNLP
2024, arXiv:2402.14146.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from idiolect.errors import RequestError
from idiolect.types import Floats

Aggregation = Literal["linear", "tchebycheff", "max_min"]
AGGREGATIONS = ("linear", "tchebycheff", "max_min")


def corners(objectives: int) -> Floats:
    """(objectives, objectives): each objective alone."""
    return np.eye(objectives)


def lattice(objectives: int, steps: int) -> Floats:
    """Every vector of whole multiples of 1 / steps that is 1 together; of two objectives `steps + 1`, from the last one to the first.

    Raises RequestError for fewer than one of either.
    """
    if min(objectives, steps) < 1:
        raise RequestError(f"{steps} steps between {objectives} objectives are none: give 1 or more of each")
    return np.array(list(_shares(objectives, steps)), np.float64) / steps


def _shares(objectives: int, left: int) -> Iterator[tuple[int, ...]]:
    if objectives == 1:
        yield (left,)
        return
    for own in range(left + 1):
        yield from ((own, *rest) for rest in _shares(objectives - 1, left - own))


def dirichlet(count: int, objectives: int, chance: np.random.Generator, alpha: float = 1.0) -> Floats:
    """(count, objectives) on the simplex: uniform at an alpha of 1, near its corners below, near its middle above. 0: corners only."""
    if not alpha >= 0:
        raise RequestError(f"an alpha of {alpha} is no spread on the simplex: give 0 or more")
    if alpha == 0:
        return np.eye(objectives)[chance.integers(objectives, size=count)]
    drawn: Floats = chance.dirichlet(np.full(objectives, alpha), size=count)
    return drawn


def directions(count: int, objectives: int, chance: np.random.Generator) -> Floats:
    """(count, objectives): vectors of length 1 with no entry below 0, uniform on that part of the sphere."""
    drawn = np.abs(chance.normal(size=(count, objectives)))
    made: Floats = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return made


def scalarized(values: Floats, weights: Floats, how: Aggregation = "linear", ideal: float | Sequence[float] = 0.0) -> Floats:
    """(...,) from values (..., objectives) and weights (objectives,) or (..., objectives).

    linear: the weighted sum. tchebycheff: the least of weight * (value - ideal), so that points in a hollow of the front are found too;
    an ideal that no value exceeds is the field's. max_min: the least value of those that weigh anything.
    Raises RequestError for another name.
    """
    if how == "linear":
        made: Floats = (weights * values).sum(axis=-1)
    elif how == "tchebycheff":
        made = (weights * (values - np.asarray(ideal))).min(axis=-1)
    elif how == "max_min":
        made = np.where(np.broadcast_to(weights, values.shape) > 0, values, np.inf).min(axis=-1)
    else:
        raise RequestError(f"no aggregation is named {how!r}: take one of {', '.join(AGGREGATIONS)}")
    return made


def gradient_norms(said: Floats, wanted: Floats, seen: Floats) -> Floats:
    """(answers, heads): how long the gradient of each logistic head's cross-entropy is, by the head's weights.

    `said` are the heads' probabilities (answers, heads), `wanted` the labels 0 or 1 that are striven for (heads,), `seen` what the heads
    are given (answers, width). The gradient is (said - wanted) * seen, so no backward pass is needed.
    """
    made: Floats = np.abs(said - wanted) * np.linalg.norm(seen, axis=1, keepdims=True)
    return made


def by_gradients(norms: Floats, strict: bool = False) -> Floats:
    """(answers, heads): each head's share of an answer's gradient norms, 1 together; equal shares where all are 0.

    `strict` is the released code, which overwrites that with each head's norm over its greatest one in the batch.
    """
    if strict:
        most = norms.max(axis=0, keepdims=True) if len(norms) else norms
        return norms / np.where(most > 0, most, 1.0)
    total = norms.sum(axis=1, keepdims=True)
    made: Floats = np.where(total > 0, norms / np.where(total > 0, total, 1.0), 1 / max(norms.shape[1], 1))
    return made


def shaped(said: Floats, weights: Floats, bound: float = 5.0) -> Floats:
    """What a head's probability `said` of the label that is wanted is worth at its weight.

    From half on `bound * said * weight`, below `-bound * (1 - said) * weight`, never beyond `bound`: it jumps in the middle.
    """
    made: Floats = np.where(said >= 0.5, np.minimum(bound, bound * said * weights), np.maximum(-bound, -bound * (1 - said) * weights))
    return made
