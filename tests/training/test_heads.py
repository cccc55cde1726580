"""A base for all and a head for each: gradients, what each phase moves, and whose examples it moves by."""

import numpy as np
import pytest

from idiolect.training import heads
from idiolect.training.heads import Examples, features, head, scores, shared

GOOD, BAD = "fix: the lazy parser", "A Naïve Café Is Closed"


def examples(good, bad, copies=4):
    texts = [(f"{good} {i}", 1.0) for i in range(copies)] + [(f"{bad} {i}", 0.0) for i in range(copies)]
    return Examples(np.stack([features("Of what?", text) for text, _ in texts]), np.array([value for _, value in texts]))


ANN, BOB = examples(GOOD, BAD), examples(BAD, GOOD)
NOTHING = Examples(np.zeros((0, 2 * heads.SLOTS + 2)), np.zeros(0))


def test_gradients_are_those_of_the_mean_cross_entropy_of_each_person():
    chance = np.random.default_rng(0)
    base, own = chance.normal(size=(6, 3)), chance.normal(size=(2, 4))
    x, good, owner = chance.normal(size=(5, 6)), np.array([1.0, 0, 1, 1, 0]), np.array([0, 0, 0, 1, 1])

    def loss(base, own):
        odds = np.array([scores(base, own[who], row[None])[0] for row, who in zip(x, owner)])
        each = np.log1p(np.exp(odds)) - good * odds
        return [each[owner == who].mean() for who in (0, 1)]

    by_base, by_head = heads._gradients(base, own, x, good, owner)
    small = 1e-6
    for place in ((0, 0), (4, 2)):
        moved = base.copy()
        moved[place] += small
        assert by_base[place] == pytest.approx((np.mean(loss(moved, own)) - np.mean(loss(base, own))) / small, abs=1e-5)
    for place in ((0, 1), (1, 3)):
        moved = own.copy()
        moved[place] += small
        assert by_head[place] == pytest.approx((loss(base, moved)[place[0]] - loss(base, own)[place[0]]) / small, abs=1e-5)


def test_two_people_of_opposite_taste_each_get_theirs_from_one_base():
    learnt = shared([ANN, BOB], hidden=8, seed=0)
    before = {name: value.copy() for name, value in learnt.items()}
    ann, bob = head(learnt, ANN), head(learnt, BOB)
    new = np.stack([features("Of what?", text) for text in (GOOD + " 99", BAD + " 99")])
    mine, theirs = scores(learnt["base"], ann, new), scores(learnt["base"], bob, new)
    assert mine[0] > mine[1] and theirs[0] < theirs[1]
    assert all(np.array_equal(before[name], learnt[name]) for name in learnt), "the base moved in the second phase"


def test_in_the_first_phase_the_base_moves():
    still = shared([], hidden=8, seed=0)
    assert not np.allclose(still["base"], shared([ANN, BOB], hidden=8, seed=0)["base"])


def test_a_person_without_examples_has_the_head_that_people_have_on_average():
    learnt = shared([ANN, NOTHING, BOB], hidden=8, seed=0)
    assert np.array_equal(head(learnt, NOTHING), learnt["head"])
    assert np.isfinite(learnt["base"]).all()


def test_the_stronger_the_hold_the_nearer_a_head_stays_to_the_mean():
    learnt = shared([ANN, BOB], hidden=8, seed=0)
    far, near = (np.linalg.norm(head(learnt, ANN, hold=hold) - learnt["head"]) for hold in (0.01, 10.0))
    assert near < far / 2


def test_the_start_depends_on_the_seed_alone():
    one, again, other = (shared([ANN], hidden=4, seed=seed)["base"] for seed in (1, 1, 2))
    assert np.array_equal(one, again) and not np.array_equal(one, other)


def test_a_text_is_seen_by_its_words_their_parts_what_the_question_shares_and_its_length():
    one, cased, longer = (features("of foxes", text) for text in ("foxes sleep", "Foxes Sleep", "foxes sleep " * 9))
    assert not np.allclose(one, cased) and longer[-2] > one[-2] and one[-1] == 1
    shares, shares_not = one[heads.SLOTS : -2], features("uvw xyz", "foxes sleep")[heads.SLOTS : -2]
    assert shares.sum() > shares_not.sum()
    assert np.isfinite(features("", "\ud83d")).all() and features("", "").shape == one.shape
