"""Axes of style: the low and the high pole of each among many texts, and where a person lies between them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from idiolect.training.style_features import FEATURES, features
from idiolect.types import Floats, User

AXES: Mapping[str, tuple[str, str, str]] = {  # axis -> feature, what its low pole is called, and its high one
    "length": ("length: logarithm of 1 + words", "short", "long"),
    "words": ("mean length of a word", "short words", "long words"),
    "function": ("share of function words (English)", "few function words", "many function words"),
    "opening": ("starts with a capital", "small initial", "capital initial"),
    "titling": ("share of later words with a capital", "few capitals", "capitalized words"),
    "punctuation": ("share of punctuation", "little punctuation", "much punctuation"),
    "ending": ("ends with punctuation", "open end", "final punctuation"),
    "digits": ("share of digits", "few digits", "many digits"),
}
_COLUMNS = [list(FEATURES).index(feature) for feature, _, _ in AXES.values()]
POLES = tuple(pole for _, low, high in AXES.values() for pole in (low, high))


def measured(texts: Sequence[str]) -> Floats:
    """Where each text lies on each axis: (texts, axes)."""
    rows = [features(text)[_COLUMNS] for text in texts]
    return np.stack(rows) if rows else np.zeros((0, len(AXES)))


def poles(values: Floats) -> dict[str, list[int]]:
    """Which of the texts measured (texts, axes) lie at each pole: the lowest and the highest third of each axis.

    Equal values stay together, so a pole may be smaller or larger; an axis on which all texts agree has no poles.
    """
    made: dict[str, list[int]] = {}
    for column, (_, low, high) in zip(values.T, AXES.values(), strict=True):
        below, above = _thirds(column)
        if below.any() and above.any():
            made |= {low: np.flatnonzero(below).tolist(), high: np.flatnonzero(above).tolist()}
    return made


@dataclass(frozen=True)
class Crowd:
    """Where people lie on average on each axis (axes,), and how far they are spread."""

    mean: Floats
    spread: Floats

    def deviations(self, user: User) -> Floats:
        """How many spreads the person's mean lies above the crowd's, for each axis; 0 without records, or where people agree."""
        if not len(user.records):
            return np.zeros(len(AXES))
        apart = _mean(user) - self.mean
        return np.divide(apart, self.spread, out=np.zeros(len(AXES)), where=self.spread > 1e-9)

    def furthest(self, user: User, count: int, among: Collection[str] = POLES) -> dict[str, float]:
        """The poles of the `count` axes on which the person lies furthest from the crowd, furthest first, and by how many spreads."""
        apart = self.deviations(user)
        order = np.argsort(-np.abs(apart), kind="stable")
        named = {pole(axis, apart[axis]): float(abs(apart[axis])) for axis in order if apart[axis]}
        return dict(islice(((name, far) for name, far in named.items() if name in among), count))


def crowd(users: Sequence[User]) -> Crowd:
    """Of the people who wrote something."""
    means = [_mean(user) for user in users if len(user.records)] or [np.zeros(len(AXES))]
    return Crowd(np.mean(means, axis=0), np.std(means, axis=0))


def pole(axis: int, side: float) -> str:
    """The name of the pole on this `side` (its sign) of the axis."""
    return POLES[2 * axis + (side > 0)]


def _mean(user: User) -> Floats:
    made: Floats = measured([record.answer for record in user.records]).mean(axis=0)
    return made


def _thirds(column: Floats) -> tuple[np.ndarray, np.ndarray]:
    """Masks of the low and of the high texts; they share no value."""
    low, high = np.quantile(column, [1 / 3, 2 / 3]) if len(column) else (0.0, 0.0)
    if low < high:
        return column <= low, column >= high
    below, above = column < low, column > high
    if not below.any():
        return column <= low, above
    return (below, above) if above.any() else (below, column >= high)
