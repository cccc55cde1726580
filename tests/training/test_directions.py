"""Preference vectors: where they lie, what is made of several objectives by each aggregation, and DMRW's golden values."""

import numpy as np
import pytest
import torch

from idiolect.errors import RequestError
from idiolect.training.directions import (
    by_gradients,
    corners,
    directions,
    dirichlet,
    gradient_norms,
    lattice,
    scalarized,
    shaped,
)


def test_the_lattice_has_every_vector_of_whole_steps_once():
    made = lattice(3, 4)
    assert len(made) == 15 and len(np.unique(made, axis=0)) == 15
    assert made.sum(axis=1) == pytest.approx(1) and made.min() == 0
    assert lattice(2, 4).tolist() == [[0, 1], [0.25, 0.75], [0.5, 0.5], [0.75, 0.25], [1, 0]]
    with pytest.raises(RequestError):
        lattice(2, 0)


def test_vectors_are_drawn_on_the_simplex_and_at_its_corners_where_alpha_is_0():
    chance = np.random.default_rng(0)
    made = dirichlet(2000, 3, chance)
    assert made.sum(axis=1) == pytest.approx(1) and made.min() >= 0
    assert made.mean(axis=0) == pytest.approx([1 / 3] * 3, abs=0.02)
    assert made.var(axis=0) == pytest.approx([(1 / 3) * (2 / 3) / 4] * 3, rel=0.1)  # the uniform one's
    only = dirichlet(50, 3, chance, alpha=0)
    assert {tuple(row) for row in only.tolist()} == {tuple(row) for row in corners(3).tolist()}
    with pytest.raises(RequestError):
        dirichlet(1, 2, chance, alpha=-1.0)


def test_directions_have_length_1_and_no_negative_entry():
    made = directions(500, 3, np.random.default_rng(0))
    assert np.linalg.norm(made, axis=1) == pytest.approx(1) and made.min() >= 0
    angles = np.arctan2(*directions(4000, 2, np.random.default_rng(1)).T)
    assert np.quantile(angles, [0.25, 0.5, 0.75]) == pytest.approx(np.pi / 2 * np.array([0.25, 0.5, 0.75]), abs=0.04)


def test_no_linear_weight_picks_the_point_in_the_hollow_and_tchebycheff_does():
    points = np.array([[1.0, 0.0], [0.0, 1.0], [0.4, 0.4]])
    for first in np.linspace(0, 1, 101):
        weights = np.array([first, 1 - first])
        assert scalarized(points, weights).argmax() != 2
        if 0.1 - 1e-9 <= first <= 0.9 + 1e-9:
            assert scalarized(points, weights, "tchebycheff").argmax() == 2


def test_tchebycheff_measures_from_the_ideal_and_max_min_takes_the_least_that_weighs():
    values = np.array([[1.0, 3.0]])
    assert scalarized(values, np.array([0.5, 0.5]), "tchebycheff", [2.0, 5.0]).tolist() == [-1.0]
    assert scalarized(values, np.array([0.0, 1.0]), "max_min").tolist() == [3.0]
    assert scalarized(values, np.array([0.1, 0.9]), "max_min").tolist() == [1.0]
    with pytest.raises(RequestError, match="linear, tchebycheff, max_min"):
        scalarized(values, np.ones(2), "mean")


def test_a_heads_gradient_norm_is_that_of_autograd():
    chance = np.random.default_rng(0)
    seen, heads = chance.normal(size=(4, 6)), chance.normal(size=(3, 6))
    wanted = np.array([1.0, 0.0, 1.0])
    said = 1 / (1 + np.exp(-seen @ heads.T))
    made = gradient_norms(said, wanted, seen)
    for answer in range(4):
        for head in range(3):
            w = torch.tensor(heads[head], requires_grad=True)
            logit = torch.tensor(seen[answer]) @ w
            torch.nn.functional.binary_cross_entropy_with_logits(logit, torch.tensor(wanted[head]).double()).backward()
            assert made[answer, head] == pytest.approx(float(w.grad.norm()))


def test_dynamic_weights_are_1_together_whatever_the_gradients_scale_and_1_for_a_single_style():
    norms = np.array([[1.0, 3.0], [2.0, 2.0], [0.0, 0.0]])
    assert by_gradients(norms).tolist() == [[0.25, 0.75], [0.5, 0.5], [0.5, 0.5]]
    assert by_gradients(7 * norms) == pytest.approx(by_gradients(norms))
    assert by_gradients(norms[:2, :1]).tolist() == [[1.0], [1.0]]


def test_the_released_weights_are_each_styles_norm_over_its_greatest_in_the_batch():
    assert by_gradients(np.array([[1.0, 3.0], [2.0, 0.0]]), strict=True).tolist() == [[0.5, 1.0], [1.0, 0.0]]
    assert by_gradients(np.zeros((2, 2)), strict=True).tolist() == [[0.0, 0.0], [0.0, 0.0]]


@pytest.mark.parametrize(("said", "weight", "worth"), [(0.2, 1.0, -4.0), (0.2, 0.5, -2.0), (0.5, 1.0, 2.5), (0.9, 0.5, 2.25)])
def test_the_shaped_reward_has_the_published_values(said, weight, worth):
    assert shaped(np.array(said), np.array(weight)) == pytest.approx(worth)


def test_the_shaped_reward_jumps_in_the_middle_and_stays_within_its_bound():
    below, at = shaped(np.array([0.4999999, 0.5]), np.array(1.0))
    assert below == pytest.approx(-2.5, abs=1e-5) and at == 2.5
    assert shaped(np.array([1.0, 0.0]), np.array(9.0)).tolist() == [5.0, -5.0]
