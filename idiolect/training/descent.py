"""Full-batch Adam in numpy, for scorers of some thousand numbers: Kingma and Ba, ICLR 2015, arXiv:1412.6980."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from idiolect.types import Floats

Slope = Callable[[list[Floats]], Sequence[Floats]]


def descended(start: Sequence[Floats], slope: Slope, steps: int = 120, rate: float = 0.05) -> list[Floats]:
    """The parameters after `steps` steps against `slope`, which gives a gradient for each; the rate falls to 0 in a straight line."""
    now = [value.copy() for value in start]
    first, second = ([np.zeros_like(value) for value in now] for _ in range(2))
    for step in range(1, steps + 1):
        for i, by in enumerate(slope(now)):
            first[i] = 0.9 * first[i] + 0.1 * by
            second[i] = 0.999 * second[i] + 0.001 * by * by
            moved = (first[i] / (1 - 0.9**step)) / (np.sqrt(second[i] / (1 - 0.999**step)) + 1e-8)
            now[i] = now[i] - rate * (1 - step / (steps + 1)) * moved
    return now
