"""Measures of fronts against volumes known in closed form, against counting, and on the cases where they are 0."""

import numpy as np
import pytest

from idiolect.errors import RequestError
from idiolect.training.fronts import coverage, hypervolume, obedience, pareto, spacing, sparsity


def test_the_pareto_set_keeps_what_nothing_dominates_and_equals():
    points = np.array([[1.0, 0.0], [0.0, 1.0], [0.4, 0.4], [0.3, 0.4], [0.4, 0.4]])
    assert pareto(points).tolist() == [True, True, True, False, True]


def test_the_hypervolume_in_two_dimensions_is_the_area_of_the_staircase():
    points = np.array([[3.0, 1.0], [1.0, 3.0], [2.0, 2.0], [1.0, 1.0], [9.0, -1.0]])
    assert hypervolume(points, [0, 0]) == pytest.approx(6.0)  # 3 + 2 + 1; what is not above the reference adds nothing
    assert hypervolume(points, [-1, -1]) == pytest.approx(4 + 4 + 3 + 2)  # the last one stands on the reference
    assert hypervolume(points[:0], [0, 0]) == 0.0


def test_the_hypervolume_in_three_dimensions_is_inclusion_and_exclusion():
    points = np.array([[2.0, 1.0, 1.0], [1.0, 2.0, 1.0], [1.0, 1.0, 2.0]])
    assert hypervolume(points, [0, 0, 0]) == pytest.approx(3 * 2 - 3 * 1 + 1)
    assert hypervolume(np.array([[2.0, 3.0, 4.0]]), [1, 1, 1]) == pytest.approx(6)


@pytest.mark.parametrize("dimensions", [2, 3, 4])
def test_the_hypervolume_is_what_counting_random_points_finds(dimensions):
    chance = np.random.default_rng(dimensions)
    points, darts = chance.random((12, dimensions)), chance.random((100_000, dimensions))
    hit = np.zeros(len(darts), bool)
    for point in points:
        hit |= (darts < point).all(axis=1)
    assert hypervolume(points, [0] * dimensions) == pytest.approx(hit.mean(), abs=0.006)


def test_a_dominated_point_adds_no_volume_and_a_better_one_does():
    chance = np.random.default_rng(0)
    points = chance.random((8, 3))
    before = hypervolume(points, [0, 0, 0])
    assert hypervolume(np.vstack([points, points[:1] - 0.01]), [0, 0, 0]) == pytest.approx(before)
    assert hypervolume(np.vstack([points, points.max(axis=0)[None]]), [0, 0, 0]) > before


def test_a_reference_of_another_length_is_refused():
    with pytest.raises(RequestError, match="one number for each objective"):
        hypervolume(np.ones((2, 3)), [0, 0])


def test_sparsity_is_the_mean_squared_gap_between_neighbours():
    points = np.array([[0.0, 4.0], [3.0, 0.0], [1.0, 3.0]])
    assert sparsity(points) == pytest.approx(((1 + 4) + (9 + 1)) / 2)
    assert sparsity(points[:1]) == 0.0


def test_spacing_is_0_on_even_points_and_their_spread_elsewhere():
    even = np.array([[float(i), 4.0 - i] for i in range(5)])
    assert spacing(even) == 0.0
    uneven = np.array([[0.0, 0.0], [1.0, 0.0], [4.0, 0.0]])
    assert spacing(uneven) == pytest.approx(np.std([1, 1, 3], ddof=1))


def test_coverage_counts_what_is_weakly_dominated_and_is_not_symmetric():
    better, worse = np.array([[2.0, 2.0]]), np.array([[1.0, 1.0], [3.0, 0.0]])
    assert coverage(better, worse) == 0.5 and coverage(worse, better) == 0.0 and coverage(better, better) == 1.0


def test_obedience_is_the_mean_inner_product_of_what_was_asked_and_what_came():
    assert obedience(np.eye(2), np.array([[3.0, 1.0], [1.0, 5.0]])) == 4.0
