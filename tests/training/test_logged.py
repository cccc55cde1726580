"""Off-policy learning on tables whose truth is known: unbiased where the paper says so, and the same where one estimator becomes another."""

import numpy as np
import pytest

from idiolect.errors import DataError, MethodError
from idiolect.training.logged import (
    Log,
    Softmax,
    direct,
    doubly_robust,
    earned,
    heard,
    inverse,
    learnt,
    modelled,
    plays,
    slope,
)  # fmt: skip
from idiolect.types import Record

ARMS, D = 4, 3
CHANCE = np.random.default_rng(0)
TARGET, LOGGING = Softmax(CHANCE.normal(size=(D, ARMS))), Softmax(CHANCE.normal(0, 0.5, (D, ARMS)))
CONTEXTS = np.eye(D)  # three kinds of question
TRUTH = CHANCE.random((D, ARMS))  # what each arm earns in each


def logged(count, seed, policy=LOGGING):
    """Plays by `policy`, each with a reward of 0 or 1 by the truth."""
    chance = np.random.default_rng(seed)
    kinds = chance.integers(D, size=count)
    chances = policy.chances(CONTEXTS[kinds])
    arms = (chances.cumsum(axis=1) < chance.random((count, 1))).sum(axis=1)
    rewards = (chance.random(count) < TRUTH[kinds, arms]).astype(float)
    return CONTEXTS[kinds], arms, chances, rewards


def within(samples, truth, errors=3.0):
    """Whether the mean of samples (draws, ...) is the truth, within so many standard errors everywhere."""
    samples = np.asarray(samples)
    error = samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
    return bool((np.abs(samples.mean(axis=0) - truth) <= errors * error + 1e-12).all())


EXACT_VALUE = float((TARGET.chances(CONTEXTS) * TRUTH).sum(axis=1).mean())
EXACT_SLOPE = slope(TARGET, CONTEXTS, TRUTH)


def test_the_gradient_is_that_of_the_value():
    step, moved = 1e-6, CHANCE.normal(size=(D, ARMS))
    ahead, behind = (
        float((Softmax(TARGET.weights + side * step * moved).chances(CONTEXTS) * TRUTH).sum(axis=1).mean()) for side in (1, -1)
    )
    assert (EXACT_SLOPE * moved).sum() == pytest.approx((ahead - behind) / (2 * step), rel=1e-5)


@pytest.mark.parametrize("model", ["none", "wrong", "perfect"])
def test_inverse_propensities_are_unbiased_and_doubly_robust_ones_whatever_the_model(model):
    values, slopes = [], []
    for seed in range(300):
        contexts, arms, chances, rewards = logged(60, seed)
        kinds = contexts.argmax(axis=1)
        expected = {"none": 0.0, "wrong": 0.7, "perfect": 1.0}[model] * TRUTH[kinds] + (0.3 if model == "wrong" else 0)
        credits = inverse(arms, chances, rewards) if model == "none" else doubly_robust(arms, chances, rewards, expected)
        values.append(earned(credits, TARGET.chances(contexts)).mean)
        slopes.append(slope(TARGET, contexts, credits))
    assert within(values, EXACT_VALUE) and within(slopes, EXACT_SLOPE)


def test_what_a_wrong_model_alone_says_is_biased():
    values = [
        earned(0.7 * TRUTH[logged(60, seed)[0].argmax(axis=1)] + 0.3, TARGET.chances(logged(60, seed)[0])).mean for seed in range(100)
    ]
    assert not within(values, EXACT_VALUE)


def test_a_perfect_model_leaves_the_doubly_robust_one_nothing_to_correct():
    contexts, arms, chances, _ = logged(50, 1)
    kinds = contexts.argmax(axis=1)
    assert np.array_equal(doubly_robust(arms, chances, TRUTH[kinds, arms], TRUTH[kinds]), TRUTH[kinds])


def test_on_policy_the_gradient_is_reinforce():
    contexts, arms, chances, rewards = logged(200, 2, TARGET)
    by_hand = np.zeros((D, ARMS))
    for context, arm, own, reward in zip(contexts, arms, chances, rewards, strict=True):
        by_hand += reward * np.outer(context, np.eye(ARMS)[arm] - own) / len(arms)
    assert np.allclose(slope(TARGET, contexts, inverse(arms, chances, rewards)), by_hand)


def test_with_a_narrow_kernel_and_a_sentence_of_its_own_for_each_arm_dso_is_is():
    contexts, arms, chances, rewards = logged(80, 3)
    spoken = np.random.default_rng(1).normal(size=(ARMS, 6))
    credits = direct(spoken[arms], np.broadcast_to(spoken, (80, ARMS, 6)), chances, rewards, width=1e-3)
    assert np.allclose(credits, inverse(arms, chances, rewards))
    wide = direct(spoken[arms], np.broadcast_to(spoken, (80, ARMS, 6)), chances, rewards, width=1.0)
    assert not np.allclose(wide, credits)


def test_with_an_endless_kernel_every_arm_gets_the_same_and_no_policy_learns():
    contexts, arms, chances, rewards = logged(80, 4)
    spoken = np.random.default_rng(1).normal(size=(ARMS, 6))
    credits = direct(spoken[arms], np.broadcast_to(spoken, (80, ARMS, 6)), chances, rewards, width=1e6)
    assert np.allclose(credits, rewards[:, None]) and np.allclose(slope(TARGET, contexts, credits), 0)


def test_arms_that_say_the_same_share_what_one_of_them_earned():
    same = np.broadcast_to(np.array([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]]), (1, 3, 2))
    credits = direct(np.array([[1.0, 0.0]]), same, np.array([[0.2, 0.3, 0.5]]), np.array([1.0]), width=0.1)
    assert credits[0].tolist() == pytest.approx([2.0, 2.0, 0.0])  # 1 / (0.2 + 0.3), whichever of the two it was


def test_a_sentence_that_no_likely_arm_would_say_counts_for_no_more_than_the_clip():
    far = direct(np.array([[0.0]]), np.array([[[0.0], [9.0]]]), np.array([[1e-9, 1 - 1e-9]]), np.array([1.0]), width=0.1, clip=50.0)
    never = direct(np.array([[0.0]]), np.array([[[0.0], [9.0]]]), np.array([[0.0, 1.0]]), np.array([1.0]), width=0.1, clip=50.0)
    assert far[0].tolist() == never[0].tolist() == [50.0, 0.0]
    assert inverse(np.array([0]), np.array([[0.001, 0.999]]), np.array([1.0]), clip=200.0)[0, 0] == 200.0


def test_dso_learns_more_than_is_where_many_arms_say_nearly_the_same():
    """300 arms in two camps, of which one is liked a little more; 200 plays, so that most arms were never played or once."""
    chance, arms_, count = np.random.default_rng(5), 300, 200
    spoken = np.where(np.arange(arms_)[:, None] < arms_ // 2, 1.0, -1.0) + 0.05 * chance.normal(size=(arms_, 2))
    chances, arms = np.full((count, arms_), 1 / arms_), chance.integers(arms_, size=count)
    rewards = (chance.random(count) < np.where(arms < arms_ // 2, 0.65, 0.35)).astype(float)
    start, contexts = Softmax(np.zeros((1, arms_))), np.ones((count, 1))
    won = {}
    for name, credits in {
        "is": inverse(arms, chances, rewards),
        "dso": direct(spoken[arms], np.broadcast_to(spoken, (count, arms_, 2)), chances, rewards, width=0.3),
    }.items():
        own = learnt(start, contexts, credits).chances(np.ones((1, 1)))[0]
        won[name] = own[: arms_ // 2].sum()
    assert won["dso"] > 0.95 > 0.8 > won["is"]


def test_the_policy_learnt_from_a_log_earns_more_than_the_one_that_logged():
    contexts, arms, chances, rewards = logged(3000, 6)
    for name in ("is", "dr", "dm"):
        seen, credits = Log(contexts, rewards, chances, arms).credits(name)
        own = learnt(Softmax(np.zeros((D, ARMS))), seen, credits).chances(CONTEXTS)
        assert (own * TRUTH).sum(axis=1).mean() > 0.9 * TRUTH.max(axis=1).mean() > (LOGGING.chances(CONTEXTS) * TRUTH).sum(axis=1).mean()


def test_held_hard_a_policy_stays_and_without_plays_it_is_the_start():
    contexts, arms, chances, rewards = logged(100, 7)
    held = learnt(LOGGING, contexts, inverse(arms, chances, rewards), hold=1e4, rate=0.01)
    assert np.abs(held.weights - LOGGING.weights).max() < 0.05
    assert learnt(LOGGING, np.zeros((0, D)), np.zeros((0, ARMS))) is LOGGING


def test_a_model_of_rewards_is_the_ridge_regression_of_each_arm():
    contexts, arms, _, rewards = logged(200, 8)
    made = modelled(contexts, arms, rewards, ARMS + 1, ridge=0.5)
    kinds = contexts.argmax(axis=1)
    for kind in range(D):
        for arm in range(ARMS):
            own = rewards[(kinds == kind) & (arms == arm)]
            assert made[kinds == kind, arm][0] == pytest.approx(own.sum() / (len(own) + 0.5))
    assert not made[:, ARMS].any()


def test_plays_whose_arm_nobody_knows_are_left_to_dso():
    contexts, arms, chances, rewards = logged(10, 9)
    seen, credits = Log(contexts, rewards, chances, np.where(np.arange(10) < 4, arms, -1)).credits("is")
    assert seen.shape == (4, D) and np.array_equal(credits, inverse(arms[:4], chances[:4], rewards[:4]))
    with pytest.raises(MethodError, match="no estimator 'ips'"):
        Log(contexts, rewards, chances, arms).credits("ips")


def test_an_arm_that_had_no_chance_is_refused():
    with pytest.raises(DataError, match="chance 0"):
        inverse(np.array([0]), np.array([[0.0, 1.0]]), np.array([1.0]))
    with pytest.raises(DataError, match="of one play at least"):
        earned(np.zeros((0, 2)), np.zeros((0, 2)))


def test_feedback_of_every_kind_is_a_play_and_ratings_count_against_the_persons_own():
    records = [
        Record("q", "wrote", 0.0),
        Record("q", "taken", 1.0, kind="choice", other="left"),
        Record("q", "5", 2.0, kind="rating", other="loved"),
        Record("q", "3", 3.0, kind="rating", other="so so"),
        Record("q", "good!", 4.0, kind="rating", other="no number"),
        Record("q", "too long", 5.0, kind="correction", other="reply"),
        Record("q", "1", 6.0, kind="rating", other="  "),
    ]
    made = {play.reply: play.reward for play in plays(records)}
    assert made == pytest.approx({"wrote": 0.5, "taken": 0.5, "left": -0.5, "loved": 0.25, "so so": 0.0})


def test_what_was_heard_is_found_again_by_its_record():
    first, second, other = (Record("q", str(n), float(n), kind="rating", other=f"reply {n}") for n in (1, 2, 3))
    kept = heard(heard({}, first, 2, np.array([0.1, 0.2, 0.7])), second, 0, np.array([0.5, 0.25, 0.25]))
    log = Log.of(plays([second, other, first]), np.zeros((3, D)), kept, 3)
    assert log.arms.tolist() == [0, -1, 2] and np.allclose(log.chances, [[0.5, 0.25, 0.25], [1 / 3] * 3, [0.1, 0.2, 0.7]])
