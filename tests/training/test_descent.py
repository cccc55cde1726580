"""Adam in numpy: where it arrives, and that what it starts from is left as it was."""

import numpy as np
import pytest

from idiolect.training.descent import descended


def test_it_arrives_at_the_lowest_point_of_a_bowl():
    start = [np.zeros(2), np.array([[5.0]])]
    low = descended(start, lambda now: [now[0] - [1.0, -2.0], 3 * (now[1] - 4.0)], steps=400, rate=0.1)
    assert low[0] == pytest.approx([1, -2], abs=1e-2) and low[1] == pytest.approx(np.array([[4.0]]), abs=1e-2)
    assert start[0].tolist() == [0, 0] and start[1].tolist() == [[5.0]]


def test_without_steps_or_without_a_slope_nothing_moves():
    assert descended([np.ones(3)], lambda now: [now[0]], steps=0)[0].tolist() == [1, 1, 1]
    assert descended([np.ones(3)], lambda now: [np.zeros(3)])[0].tolist() == [1, 1, 1]


def test_the_first_step_is_one_rate_long_however_steep_it_is():
    for steep in (1e-3, 1.0, 1e3):
        moved = descended([np.zeros(1)], lambda now: [np.full(1, steep)], steps=1, rate=0.5)[0]
        assert moved == pytest.approx([-0.5 * (1 - 1 / 2)], rel=1e-4)
