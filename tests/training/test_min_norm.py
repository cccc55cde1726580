"""The shortest sum of gradients: the closed form for two, the condition that makes it the shortest, and the average before it."""

import numpy as np
import pytest

from idiolect.errors import RequestError
from idiolect.training.min_norm import averaged, min_norm, normalised


def test_of_two_vectors_the_weights_are_those_of_the_closed_form():
    first, second = np.array([1.0, 0.0]), np.array([0.0, 2.0])
    weights = min_norm(np.stack([first, second]))
    assert weights == pytest.approx([0.8, 0.2]) and weights @ np.stack([first, second]) == pytest.approx([0.8, 0.4])


@pytest.mark.parametrize("seed", range(20))
def test_of_any_two_vectors_too_also_where_one_alone_is_shortest(seed):
    one, other = np.random.default_rng(seed).normal(size=(2, 3)) * [[1.0], [1 + seed % 4]]
    gamma = np.clip((other - one) @ other / ((one - other) @ (one - other)), 0, 1)
    assert min_norm(np.stack([one, other])) == pytest.approx([gamma, 1 - gamma], abs=1e-9)


@pytest.mark.parametrize("tasks", [1, 2, 5, 9])
def test_no_vector_is_hindered_by_the_shortest_sum(tasks):
    vectors = np.random.default_rng(tasks).normal(size=(tasks, 4)) + 0.4
    weights = min_norm(vectors)
    shortest = weights @ vectors
    assert weights.min() >= 0 and weights.sum() == pytest.approx(1.0)
    assert (vectors @ shortest).min() >= shortest @ shortest - 1e-6


def test_no_other_weights_make_a_shorter_sum():
    vectors, chance = np.random.default_rng(3).normal(size=(4, 3)), np.random.default_rng(4)
    shortest = np.linalg.norm(min_norm(vectors) @ vectors)
    assert all(np.linalg.norm(weights @ vectors) >= shortest - 1e-9 for weights in chance.dirichlet(np.ones(4), 2000))


def test_equal_vectors_weigh_the_same_so_that_the_loss_is_the_plain_mean():
    assert min_norm(np.tile([0.3, -2.0], (4, 1))) == pytest.approx([0.25] * 4)
    assert min_norm(np.zeros((3, 2))) == pytest.approx([1 / 3] * 3)


def test_once_scaled_to_length_1_the_size_of_a_gradient_does_not_weigh():
    vectors = np.array([[1.0, 0.0], [0.0, 500.0]])
    assert min_norm(normalised(vectors)) == pytest.approx([0.5, 0.5])
    assert normalised(np.zeros((2, 2))).any() == np.False_


def test_the_average_begins_with_the_first_gradients_and_then_takes_nearly_all_of_the_new_ones():
    first, second = np.ones((2, 3)), np.zeros((2, 3))
    assert averaged(None, first) is first
    assert averaged(first, second, fresh=0.99) == pytest.approx(np.full((2, 3), 0.01))


@pytest.mark.parametrize("vectors", [np.zeros((0, 3)), np.array([[np.nan, 1.0]])])
def test_nothing_and_what_is_no_number_have_no_shortest_sum(vectors):
    with pytest.raises(RequestError, match="finite"):
        min_norm(vectors)
