"""95 % intervals by a percentile bootstrap over people: a figure, or the paired difference of two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from idiolect.types import Floats

DRAWS = 2_000
LEVEL = 0.95
Value = Callable[[Floats], Floats]  # (..., parts) -> (...)


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and the ends of its 95 % interval; one person alone gives a figure without ends."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def clear(self) -> bool:
        """Whether the interval excludes 0."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


class Draws:
    """The same draws of people, with replacement, for every figure: differences of two methods are paired by person.

    Efron, Bootstrap Methods: Another Look at the Jackknife, Annals of Statistics 7(1), 1979. A person is the unit, because a
    person's records resemble one another.
    """

    def __init__(self, people: int, seed: int = 0, draws: int = DRAWS) -> None:
        drawn = np.random.default_rng(seed).multinomial(people, np.full(people, 1 / people), size=draws)
        self.people, self.weights = people, drawn / people  # (draws, people)

    def interval(self, parts: Floats, value: Value) -> Interval:
        """Of `value` of the mean over people of `parts` (people, k)."""
        return self._interval(float(value(parts.mean(axis=0))), value(self.weights @ parts))

    def difference(self, parts: Floats, other: Floats, value: Value) -> Interval:
        """Of the figure that `parts` gives less the one that `other` gives, both (people, k), in the same draws."""
        middle = float(value(parts.mean(axis=0)) - value(other.mean(axis=0)))
        return self._interval(middle, value(self.weights @ parts) - value(self.weights @ other))

    def _interval(self, middle: float, drawn: Floats) -> Interval:
        if self.people < 2:
            return Interval(middle)
        tail = (1 - LEVEL) / 2
        low, high = np.quantile(drawn, [tail, 1 - tail])
        return Interval(middle, float(low), float(high))
