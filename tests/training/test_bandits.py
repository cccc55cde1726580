"""Bandits on toys whose answers are known: closed forms, regret that flattens, and estimates that are right on average."""

import numpy as np
import pytest

from idiolect.errors import DataError, MethodError
from idiolect.training.bandits import (
    Linear,
    Neural,
    apart,
    as_arrays,
    best,
    from_arrays,
    joined,
    played,
    spans,
    value,
    won,
)  # fmt: skip

ARMS = np.eye(2)


def taught(model, plays):
    for arm, reward in plays:
        model = model.taught(ARMS[arm], reward)
    return model


def test_linucbs_scores_on_two_arms_are_the_closed_form():
    model = taught(Linear.untaught(2), [(0, 1.0), (0, 0.0), (0, 1.0), (1, 0.5)])
    # A = diag(1 + 3, 1 + 1), b = (2, 0.5): means 2/4 and 0.5/2, widths 1/sqrt(4) and 1/sqrt(2)
    assert np.allclose(model.means(ARMS), [0.5, 0.25])
    assert np.allclose(model.widths(ARMS), [0.5, 2**-0.5])
    assert np.allclose(model.upper(ARMS, 2.0), [1.5, 0.25 + 2**0.5])


def test_ridge_regression_step_by_step_is_the_one_of_all_plays_at_once():
    chance = np.random.default_rng(0)
    rows, rewards = chance.normal(size=(30, 5)), chance.normal(size=30)
    model = Linear.untaught(5, ridge=2.0)
    for row, reward in zip(rows, rewards):
        model = model.taught(row, reward)
    direct = np.linalg.inv(2.0 * np.eye(5) + rows.T @ rows)
    assert np.allclose(model.inverse, direct)
    assert np.allclose(model.means(rows), rows @ direct @ rows.T @ rewards)


@pytest.mark.parametrize("diagonal", [False, True])
def test_an_arm_played_n_times_is_unsure_like_one_over_the_root_of_n(diagonal):
    model = Neural.untaught(2, hidden=0, diagonal=diagonal)
    for n in (0, 1, 8, 99):
        widths = model.learnt(np.tile(ARMS[:1], (n, 1)), np.ones(n)).widths(ARMS)
        assert np.allclose(widths, [(1 + n) ** -0.5, 1.0])


def test_a_perceptron_without_a_hidden_layer_is_linucb_of_the_same_ridge():
    chance = np.random.default_rng(1)
    rows, rewards = chance.normal(size=(40, 3)), chance.normal(size=40)
    linear = Linear.untaught(3)
    for row, reward in zip(rows, rewards):
        linear = linear.taught(row, reward)
    neural = Neural.untaught(3, hidden=0, diagonal=False).learnt(rows, rewards, steps=2000)
    assert np.allclose(neural.upper(rows, 1.5), linear.upper(rows, 1.5), atol=1e-3)


def test_the_gradients_are_those_of_the_output():
    net, arms = Neural.untaught(3, hidden=4, seed=2), np.random.default_rng(3).normal(size=(2, 3))
    flat = np.concatenate([one.ravel() for one in net.weights])

    def output(weights):
        return Neural((weights[:12].reshape(3, 4), weights[12:]), net.inverse).means(arms)

    slopes = [(output(flat + step) - output(flat - step)) / 2e-5 for step in 1e-5 * np.eye(16)]
    assert np.allclose(net.gradients(arms), np.array(slopes).T, atol=1e-6)


def test_what_was_played_only_ever_makes_it_surer():
    chance, net = np.random.default_rng(4), Neural.untaught(3, hidden=4)
    inverse, rows = net.inverse, chance.normal(size=(20, len(net.inverse)))
    for row in rows:
        after = joined(inverse, row)
        assert (after <= inverse).all()
        inverse = after
    full = np.eye(16)
    for row in rows:
        full = joined(full, row)
    assert np.allclose(full, np.linalg.inv(np.eye(16) + rows.T @ rows))
    assert np.allclose(spans(full, rows[:1]), np.sqrt(rows[0] @ full @ rows[0]))


def test_a_reward_that_no_straight_line_tells_is_learnt_with_a_hidden_layer():
    grid = np.array([[a, b, 1.0] for a in (-1.0, 1.0) for b in (-1.0, 1.0)])
    wanted = np.array([0.0, 1.0, 1.0, 0.0])  # exclusive or
    arms, rewards = np.tile(grid, (10, 1)), np.tile(wanted, 10)
    curved = Neural.untaught(3, hidden=16).learnt(arms, rewards, ridge=1e-3, steps=600)
    straight = Neural.untaught(3, hidden=0).learnt(arms, rewards, ridge=1e-3, steps=600)
    assert np.abs(curved.means(grid) - wanted).max() < 0.1
    assert np.abs(straight.means(grid) - wanted).max() > 0.4


def regrets(policy, rounds, truth=(0.3, 0.6, 0.5), seed=0):
    """What was lost to the best arm in each round, under rewards of 0 or 1."""
    chance, model, arms, lost = np.random.default_rng(seed), Linear.untaught(len(truth)), np.eye(len(truth)), []
    for _ in range(rounds):
        arm = played(policy(model, arms, chance), chance.random())
        model = model.taught(arms[arm], float(chance.random() < truth[arm]))
        lost.append(max(truth) - truth[arm])
    return np.array(lost)


POLICIES = {
    "linucb": lambda model, arms, chance: best(model.upper(arms, 1.0)),
    "thompson": lambda model, arms, chance: won(model.drawn(arms, 0.5, 32, chance)),
}


@pytest.mark.parametrize("name", POLICIES)
def test_what_is_lost_grows_more_slowly_than_the_rounds(name):
    lost = np.mean([regrets(POLICIES[name], 2000, seed=seed) for seed in range(3)], axis=0)
    blind = (0.6 - np.mean([0.3, 0.6, 0.5])) * 500
    assert lost[:500].sum() < blind
    assert lost[1500:].sum() < lost[:500].sum() / 2


def test_without_noise_the_better_of_two_arms_is_played_in_the_end():
    net, arms, seen, rewards = Neural.untaught(2, hidden=4), ARMS, [], []
    for _ in range(40):
        model = net.learnt(np.array(seen).reshape(-1, 2), np.array(rewards))
        arm = played(best(model.upper(arms, 0.5)), 0.5)
        seen.append(arms[arm])
        rewards.append([0.2, 0.9][arm])
    assert rewards[-10:] == [0.9] * 10


def test_thompsons_chance_of_two_arms_is_the_normal_one():
    model = taught(Linear.untaught(2), [(0, 1.0), (1, 0.2)])  # means 0.5 and 0.1, variances 1/2 each
    chances = won(model.drawn(ARMS, 1.0, 200_000, np.random.default_rng(5)))
    assert np.isclose(chances[0], 0.6554, atol=0.005)  # Phi(0.4)


def test_chances_add_up_and_every_arm_has_what_exploring_gives_it():
    for chances in (best(np.array([1.0, 3.0, 3.0]), 0.3), won(np.array([[0.0, 1.0, 0.0]] * 4), 0.3)):
        assert np.isclose(chances.sum(), 1.0) and (chances >= 0.1 - 1e-12).all()
    assert np.allclose(best(np.array([1.0, 3.0, 3.0])), [0, 0.5, 0.5])


def test_arms_are_drawn_by_their_chances_and_one_without_a_chance_never():
    chances = np.array([0.0, 0.25, 0.75, 0.0])
    drawn = [played(chances, lot) for lot in np.linspace(0, 1, 1001)]
    assert set(drawn) == {1, 2} and abs(drawn.count(1) / 1001 - 0.25) < 0.01


def test_arms_set_apart_share_nothing():
    rows = apart(np.array([1.0, 2.0]), 3)
    assert rows.shape == (3, 6) and np.allclose(rows @ rows.T, 5 * np.eye(3))


def test_the_value_of_another_policy_is_right_on_average_and_within_its_error():
    truth, logging, wanted = np.array([0.2, 0.8]), np.array([0.7, 0.3]), np.array([0.1, 0.9])
    right, chance, plain, own, errors = float(wanted @ truth), np.random.default_rng(6), [], [], []
    for _ in range(400):
        arms = (chance.random(200) < logging[1]).astype(int)
        rewards = (chance.random(200) < truth[arms]).astype(float)
        made = value(rewards, logging[arms], wanted[arms])
        plain.append(made.mean)
        errors.append(made.error)
        own.append(value(rewards, logging[arms], wanted[arms], own=True).mean)
    assert abs(np.mean(plain) - right) < 3 * np.std(plain) / 20  # unbiased
    assert np.isclose(np.mean(errors), np.std(plain), rtol=0.1)  # and its error is what it says
    assert np.std(own) < np.std(plain)
    assert abs(np.mean(rewards) - right) > 0.2  # the log's own mean is far off


def test_the_policy_that_logged_is_worth_what_it_earned():
    made = value([1.0, 0.0, 1.0, 0.0], [0.5, 0.25, 0.5, 0.25], [0.5, 0.25, 0.5, 0.25])
    assert made.mean == 0.5 and made.plays == 4


@pytest.mark.parametrize("logged", [[0.0, 0.5], [1.5, 0.5], [0.5]])
def test_a_log_that_cannot_be_true_is_refused(logged):
    with pytest.raises(DataError):
        value([1.0, 0.0], logged, [0.5, 0.5])


def test_a_ridge_of_nothing_is_refused():
    with pytest.raises(MethodError, match="ridge is above 0, not 0"):
        Linear.untaught(2, ridge=0)


def test_a_network_kept_as_arrays_is_the_same_again():
    net = Neural.untaught(3, hidden=4).learnt(np.eye(3), np.arange(3.0))
    again = from_arrays(as_arrays(net))
    assert np.array_equal(again.upper(np.eye(3), 1.0), net.upper(np.eye(3), 1.0))


def test_before_a_reward_nothing_is_expected_of_any_arm_and_hidden_units_come_in_pairs():
    arms = np.random.default_rng(7).normal(size=(5, 3))
    assert np.allclose(Neural.untaught(3, hidden=6).means(arms), 0.0, atol=1e-12)
    assert np.ptp(Neural.untaught(3, hidden=6).widths(arms)) > 0
    with pytest.raises(MethodError, match="an even number of them, not 5"):
        Neural.untaught(3, hidden=5)
