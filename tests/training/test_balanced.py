"""One reward out of sets that disagree: no set is left behind, and the weights are those of the shortest sum."""

import numpy as np
import pytest

from idiolect.training import balanced as module
from idiolect.training.balanced import Schedule, balanced, inner, own_head

WIDTH = 6
TASTE = np.array([2.0, 0, 0, 0, 0, 0])
OTHER = np.array([0.4, 2.0, 0, 0, 0, 0])


def pairs(taste, count, seed):
    one, other = np.random.default_rng(seed).normal(size=(2, count, WIDTH))
    ahead = ((one - other) @ taste > 0)[:, None]
    return np.where(ahead, one, other), np.where(ahead, other, one)


def right(learnt, taste, head=None):
    better, worse = pairs(taste, 400, 99)
    return (((inner(learnt, better) - inner(learnt, worse)) @ (learnt["head"] if head is None else head)) > 0).mean()


def test_sets_that_agree_weigh_the_same_however_many_pairs_they_have():
    same = pairs(TASTE, 40, 1)
    made = balanced([same, same], Schedule(steps=60, batch=40))
    assert made["weights"] == pytest.approx([0.5, 0.5], abs=0.1) and right(made, TASTE) > 0.85


def test_both_of_two_tastes_are_learnt():
    made = balanced([pairs(TASTE, 80, 1), pairs(OTHER, 80, 2)], Schedule(steps=300))
    assert right(made, TASTE) > 0.7 and right(made, OTHER) > 0.7


def test_the_gradients_are_those_of_the_loss():
    chance = np.random.default_rng(0)
    body, head, (better, worse) = chance.normal(size=(WIDTH, 3)), chance.normal(size=3), pairs(TASTE, 5, 3)
    by_body, by_head = module._slopes(body, head, better, worse)

    def loss(body, head):
        return np.logaddexp(0, -(np.tanh(better @ body) - np.tanh(worse @ body)) @ head).mean()

    step = 1e-6
    for place in range(3):
        moved = head.copy()
        moved[place] += step
        assert by_head[place] == pytest.approx((loss(body, moved) - loss(body, head)) / step, abs=1e-4)
    moved = body.copy()
    moved[1, 2] += step
    assert by_body[1, 2] == pytest.approx((loss(moved, head) - loss(body, head)) / step, abs=1e-4)


def test_a_person_against_the_majority_has_a_head_of_their_own():
    made = balanced([pairs(TASTE, 80, 1)], Schedule(steps=200))
    own = own_head(made, *pairs(-TASTE, 30, 5), hold=0.3)
    assert right(made, -TASTE, own) > 0.8 > 0.2 > right(made, -TASTE)
    none = np.zeros((0, WIDTH))
    assert np.array_equal(own_head(made, none, none, 1.0), made["head"])


def test_sets_without_pairs_are_left_out_and_nothing_at_all_gives_nothing():
    none = (np.zeros((0, WIDTH)), np.zeros((0, WIDTH)))
    assert len(balanced([none, pairs(TASTE, 4, 1)], Schedule(steps=2))["weights"]) == 1
    assert balanced([none], Schedule()) == {}


def test_the_same_seed_gives_the_same_model():
    sets = [pairs(TASTE, 10, 1), pairs(OTHER, 10, 2)]
    one, other = (balanced(sets, Schedule(steps=5, seed=4)) for _ in range(2))
    assert all(np.array_equal(one[name], other[name]) for name in one)
    even = balanced(sets, Schedule(steps=5, seed=4, even=True))
    assert even["weights"] == pytest.approx([0.5, 0.5])
