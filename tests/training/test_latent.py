"""A person as a vector: what its encoder may not see, the closed form of its divergence, and when it knows somebody."""

import numpy as np
import pytest
import torch

from idiolect.training import latent
from idiolect.training.latent import Network, Plan, active, annealed, divergence, inferred, learnt, rewards

WIDTH = 10
TASTE = np.random.default_rng(0).normal(size=WIDTH)
SMALL = Plan(size=4, hidden=32, weight=1e-4, steps=450, rate=3e-3)


def person(sign, count, seed):
    one, other = np.random.default_rng(seed).normal(size=(2, count, WIDTH))
    ahead = ((one - other) @ TASTE * sign > 0)[:, None]
    return np.where(ahead, one, other), np.where(ahead, other, one)


@pytest.fixture(scope="module")
def taught():
    """Two populations that prefer the opposite."""
    return learnt([person(1 if who % 2 else -1, 12, who) for who in range(40)], SMALL)


def right(taught, vector, pairs):
    return (rewards(taught, pairs[0], vector) > rewards(taught, pairs[1], vector)).mean()


def test_the_divergence_is_0_at_the_prior_and_the_closed_form_elsewhere():
    assert divergence(torch.zeros(3), torch.zeros(3)) == 0
    mean, spread = torch.tensor([1.0, -0.5]), torch.tensor([0.3, -0.7])
    by_torch = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, (spread / 2).exp()), torch.distributions.Normal(torch.zeros(2), torch.ones(2))
    ).sum()
    assert divergence(mean, spread) == pytest.approx(float(by_torch), rel=1e-5)


def test_the_weight_of_the_divergence_rises_by_half_a_cosine_and_begins_again():
    assert annealed(0, 100) == pytest.approx(0.1) and annealed(50, 100) == pytest.approx(0.55)
    assert annealed(99, 100) > 0.99 and annealed(100, 100) == annealed(0, 100)


def test_mean_and_log_variance_are_bounded_and_the_order_of_pairs_is_not_seen():
    torch.manual_seed(0)
    network, (better, worse) = Network(WIDTH, 4, 8), (torch.randn(1, 5, WIDTH) * 50, torch.randn(1, 5, WIDTH) * 50)
    there, turned = torch.ones(1, 5, dtype=torch.bool), torch.tensor([3, 1, 4, 0, 2])
    mean, spread = network.encode(better, worse, there)
    assert mean.abs().max() <= 1 and spread.abs().max() <= 1
    assert torch.allclose(network.encode(better[:, turned], worse[:, turned], there)[0], mean, atol=1e-5)


def test_what_is_only_padding_changes_nothing():
    torch.manual_seed(0)
    network, better, worse = Network(WIDTH, 4, 8), torch.randn(1, 3, WIDTH), torch.randn(1, 3, WIDTH)
    padded = [torch.cat([side, torch.full((1, 2, WIDTH), 7.0)], dim=1) for side in (better, worse)]
    there = torch.tensor([[True] * 3 + [False] * 2])
    alone = network.encode(better, worse, torch.ones(1, 3, dtype=torch.bool))
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(network.encode(*padded, there), alone))


def test_with_a_context_of_their_own_people_are_told_right_and_with_anothers_wrong(taught):
    later = [person(sign, 60, 100 + place) for place, sign in enumerate((1, -1) * 5)]
    known = [inferred(taught, better[:8], worse[:8]) for better, worse in later]
    asked = [(better[8:], worse[8:]) for better, worse in later]
    own = np.mean([right(taught, vector, pairs) for vector, pairs in zip(known, asked)])
    shuffled = np.mean([right(taught, known[place % 10], pairs) for place, pairs in enumerate(asked, start=1)])
    assert own > 0.85 and shuffled < 0.15
    assert active(np.stack(known)) >= 1


def test_contexts_drawn_from_both_populations_alike_are_right_half_of_the_time(taught):
    later = [person(sign, 60, 200 + place) for place, sign in enumerate((1, 1, -1, -1))]
    known = [inferred(taught, better[:8], worse[:8]) for better, worse in later]
    anybodys = np.mean([right(taught, vector, (better[8:], worse[8:])) for vector in known for better, worse in later])
    assert anybodys == pytest.approx(0.5, abs=0.05)


def test_with_one_vector_for_everybody_it_is_one_plain_reward(taught):
    better, worse = person(1, 50, 7)
    nobody = inferred(taught, better[:0], worse[:0])
    assert not nobody.any()
    ahead = rewards(taught, better, nobody) - rewards(taught, worse, nobody)
    assert (rewards(taught, worse, nobody) - rewards(taught, better, nobody)) == pytest.approx(-ahead)


def test_a_context_never_holds_the_pair_that_is_asked_for():
    chance = np.random.default_rng(0)
    drawn = [latent._others(5, place, 3, chance) for place in range(5) for _ in range(50)]
    assert all(place // 50 not in own and 1 <= len(own) <= 3 and len(set(own)) == len(own) for place, own in enumerate(drawn))
    assert latent._others(1, 0, 3, chance) == []


def test_learning_is_the_same_each_time_and_moves_no_other_draw():
    people, short = [person(1, 3, 1), person(-1, 1, 2)], Plan(size=2, hidden=4, steps=3, batch=4)
    torch.manual_seed(11)
    before = torch.rand(1)
    torch.manual_seed(11)
    one, other = learnt(people, short), learnt(people, short)
    assert torch.equal(torch.rand(1), before) and all(np.array_equal(one[name], other[name]) for name in one)
    assert learnt([(np.zeros((0, WIDTH)), np.zeros((0, WIDTH)))], short) == {}


def test_a_posterior_that_is_the_same_for_everybody_has_no_unit_in_use():
    assert active(np.ones((5, 4))) == 0 and active(np.array([[0.0, 1.0], [1.0, 1.0]])) == 1 and active(np.zeros((0, 3))) == 0


def test_what_lies_far_from_0_in_every_answer_does_not_drown_who_is_who():
    far = [tuple(side + 100.0 for side in person(1 if who % 2 else -1, 12, who)) for who in range(20)]
    taught = learnt(far, Plan(size=4, hidden=16, weight=0.0, steps=60, rate=3e-3))
    known = np.stack([inferred(taught, *pairs) for pairs in far])
    assert (np.abs(known) < 1).any() and taught["middle"] == pytest.approx(100.0, abs=1.0)
