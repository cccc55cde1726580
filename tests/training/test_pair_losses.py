"""Losses over preferences: closed forms worked out by hand, gradients, limits in which one is another, and numbers that would overflow."""

import math
from itertools import permutations

import pytest
import torch

from idiolect.errors import RequestError
from idiolect.training.pair_losses import (
    anchor,
    bradley_terry,
    clipped,
    confidence,
    gain,
    kto,
    multi_reference,
    plackett_luce,
    surrogate,
    traded,
)

LN2 = math.log(2)
EXTRA, PRIMARY = torch.tensor([[-3.0, -9.0]]), torch.tensor([[-4.0, -6.0]])


def t(*values):
    return torch.tensor(values, dtype=torch.float64)


def slope(function, at):
    """The derivative of a function of one number."""
    x = torch.tensor([at], dtype=torch.float64, requires_grad=True)
    return float(torch.autograd.grad(function(x).sum(), x)[0])


def test_without_a_margin_a_choice_is_worth_a_bit_and_a_margin_of_ln_3_leaves_a_quarter():
    assert bradley_terry(t(0.0, math.log(3))).tolist() == pytest.approx([LN2, -math.log(0.75)])


@pytest.mark.parametrize("margin", [-2.0, 0.0, 0.7, 4.0])
def test_the_slope_of_a_choice_is_the_chance_that_it_was_mistaken(margin):
    assert slope(bradley_terry, margin) == pytest.approx(-1 / (1 + math.exp(margin)))


def test_smoothing_is_least_where_the_margin_says_the_share_that_is_mistaken():
    best = math.log(0.9 / 0.1)
    assert slope(lambda x: bradley_terry(x, 0.1), best) == pytest.approx(0, abs=1e-9)
    assert float(bradley_terry(t(best), 0.1)) == pytest.approx(-0.9 * math.log(0.9) - 0.1 * math.log(0.1))


F = {  # f of each divergence, so that the gain is its derivative
    "reverse_kl": lambda u: u * u.log(),
    "forward_kl": lambda u: -u.log(),
    "alpha": lambda u: (u**0.7 - 0.7 * u - 0.3) / (0.3 * (0.3 - 1)),
    "js": lambda u: u * u.log() - (u + 1) * ((u + 1) / 2).log(),
}


@pytest.mark.parametrize("divergence", F)
def test_a_margin_of_gains_is_that_of_the_divergences_derivative(divergence):
    chosen, rejected = 0.8, -1.3
    made = gain(t(chosen), divergence, 0.3) - gain(t(rejected), divergence, 0.3)
    assert float(made) == pytest.approx(slope(F[divergence], math.exp(chosen)) - slope(F[divergence], math.exp(rejected)))


def test_alpha_1_is_the_forward_divergence_and_alpha_0_the_reverse():
    ratios = t(0.8, -1.3)
    assert torch.allclose(gain(ratios, "alpha", 1.0) - 1, gain(ratios, "forward_kl"))
    assert torch.equal(gain(ratios, "alpha", 0.0), gain(ratios))
    assert torch.allclose(gain(ratios, "alpha", 1e-9), gain(ratios), atol=1e-6)


@pytest.mark.parametrize("divergence", F)
def test_where_nothing_was_gained_no_divergence_has_a_margin_and_a_gain_grows_with_the_ratio(divergence):
    same = gain(torch.zeros(2), divergence)
    assert float(same[0] - same[1]) == 0
    rising = gain(torch.linspace(-3, 3, 9), divergence)
    assert (rising.diff() > 0).all()


@pytest.mark.parametrize("divergence", F)
def test_ratios_of_long_texts_stay_finite(divergence):
    assert gain(torch.tensor([-900.0, 900.0]), divergence).isfinite().all()


def test_a_divergence_that_does_not_exist_is_refused_by_name():
    with pytest.raises(RequestError, match="'kl'.*reverse_kl"):
        gain(torch.zeros(1), "kl")


def test_two_references_of_a_fifth_and_a_twentieth_become_the_harmonic_mean_that_the_card_gives():
    p1, p2 = t(0.2).log()[:, None].expand(1, 2), t(0.05).log()[:, None].expand(1, 2)
    made = {variant: float(multi_reference(p1, p2, 10.0, 0.9, variant)[0, 0].exp()) for variant in ("paper", "released")}
    assert made["released"] == pytest.approx(0.05405, abs=1e-5)  # 1 / (.9/.05 + .1/.2)
    assert made["paper"] == pytest.approx(1 / (0.9 / 0.2 + 0.1 / 0.05))


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_references_that_agree_are_the_reference_and_shares_of_0_and_1_are_one_of_them(share):
    assert torch.allclose(multi_reference(PRIMARY, PRIMARY, 0.1, share), PRIMARY)
    both = multi_reference(EXTRA, PRIMARY, 10.0, share)
    assert ((both >= torch.minimum(EXTRA, PRIMARY) - 1e-6) & (both <= torch.maximum(EXTRA, PRIMARY) + 1e-6)).all()
    if share in (0.0, 1.0):
        assert torch.allclose(both, EXTRA if share else PRIMARY)
        assert torch.allclose(multi_reference(EXTRA, PRIMARY, 10.0, share, "released"), PRIMARY if share else EXTRA)


def test_without_trust_the_second_reference_is_the_first_and_the_loss_is_that_of_dpo():
    assert torch.allclose(multi_reference(EXTRA, PRIMARY, 0.0), PRIMARY)


def test_the_surrogate_of_improbable_texts_is_finite_and_like_that_of_probable_ones():
    near, far = t(-1.0, -3.0)[:, None], t(-501.0, -503.0)[:, None]
    shares = t(0.4, 0.6)[:, None]
    assert float(surrogate(far, shares)[0] - surrogate(near, shares)[0]) == pytest.approx(-500.0)


def test_a_second_reference_is_cut_to_its_interval_though_log_probabilities_are_below_0():
    primary, trust = torch.tensor([[-10.0, -30.0]]), 0.1
    for extra in (-99.0, -1.0):
        cut = clipped(torch.tensor([[extra, extra]]), primary, trust)
        middle = [abs(extra - 10) / 2, abs(extra - 30) / 2]
        eta = [trust * one / sum(middle) for one in middle]
        ends = [[(1 + e) * p for e, p in zip(eta, (-10, -30), strict=True)], [(1 - e) * p for e, p in zip(eta, (-10, -30), strict=True)]]
        assert cut[0].tolist() == pytest.approx(ends[0] if extra < -30 else ends[1])
    inside = torch.tensor([[-10.1, -30.1]])
    assert torch.allclose(clipped(inside, primary, trust), inside)


def test_the_reference_that_tells_the_two_answers_further_apart_has_the_greater_share():
    assert float(confidence(EXTRA, PRIMARY)) == pytest.approx(6 / 8)
    assert torch.allclose(multi_reference(EXTRA, PRIMARY, 0.2), multi_reference(EXTRA, PRIMARY, 0.2, 6 / 8), atol=1e-5)


def test_a_side_that_is_neither_the_papers_nor_the_released_codes_is_refused():
    with pytest.raises(RequestError, match="'mine'"):
        multi_reference(EXTRA, PRIMARY, 0.1, variant="mine")


HOWS = ("hinge", "abs", "square", "forward_kl")


@pytest.mark.parametrize("how", HOWS)
def test_an_anchor_costs_nothing_at_the_reference_and_pulls_a_lost_answer_upward(how):
    before = t(-5.0)
    assert float(anchor(before, before, how)) == 0
    assert slope(lambda logp: anchor(logp, before, how), -6.0) < 0  # so that descent makes it likelier
    assert float(anchor(t(-6.0), before, how)) > 0
    assert float(anchor(t(-8.0), before, how)) > float(anchor(t(-6.0), before, how))


@pytest.mark.parametrize(("how", "pulls"), [("hinge", False), ("abs", True), ("square", True), ("forward_kl", True)])
def test_only_the_hinge_lets_an_answer_become_likelier(how, pulls):
    assert (slope(lambda logp: anchor(logp, t(-5.0), how), -4.0) != 0) is pulls


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("rounding", [-1e-5, 1e-5])
def test_what_may_be_rounding_neither_costs_nor_pulls(how, rounding):
    assert float(anchor(t(-5.0 + rounding), t(-5.0), how)) == 0 == slope(lambda logp: anchor(logp, t(-5.0), how), -5.0 + rounding)


def test_the_anchors_are_those_that_are_written_down():
    made = {how: float(anchor(t(-7.0), t(-5.0), how)) for how in HOWS}
    assert made == pytest.approx({"hinge": 2.0, "abs": 2.0, "square": 4.0, "forward_kl": math.exp(-2) - 1 + 2})
    assert float(anchor(t(-7.0), t(-5.0), "square", t(4.0))) == pytest.approx(0.25)


def test_the_forward_anchor_is_the_divergence_on_average_over_the_references_answers():
    reference, policy = t(0.7, 0.2, 0.1), t(0.3, 0.3, 0.4)
    divergence = float((reference * (reference / policy).log()).sum())
    assert float((reference * anchor(policy.log(), reference.log(), "forward_kl")).sum()) == pytest.approx(divergence)


def test_an_anchor_that_does_not_exist_is_refused_by_name():
    with pytest.raises(RequestError, match="'rope'.*hinge"):
        anchor(t(0.0), t(0.0), "rope")


def test_a_traded_margin_is_that_of_modpo_and_of_the_first_objective_alone_it_is_the_margin():
    assert traded(t(0.6), t(0.5), 0.25).tolist() == pytest.approx([0.4])
    assert torch.equal(traded(t(0.6, -1.0), t(0.0, 0.0), 1.0), t(0.6, -1.0))


def test_a_policy_that_is_optimal_for_the_weighed_rewards_explains_the_first_objectives_choices_exactly():
    mine, others, weight, beta = t(1.0, -0.5), t(-0.3, 0.8), 0.4, 0.1
    log_ratio = (weight * mine + (1 - weight) * others) / beta  # of the optimum, up to a constant
    margin = traded(beta * (log_ratio[:1] - log_ratio[1:]), (1 - weight) * (others[:1] - others[1:]), weight)
    assert margin.tolist() == pytest.approx([1.5])  # the rewards' own difference by the first objective


def test_wanted_answers_are_pulled_up_and_others_down_and_each_is_worth_a_half_at_the_baseline():
    at = t(0.4, 0.4)
    wanted = torch.tensor([True, False])
    assert kto(at, at, wanted, 0.3, (1.0, 2.0)).tolist() == pytest.approx([0.5, 1.0])
    made = kto(t(2.0, 2.0), t(1.0, 1.0), wanted, 0.3)
    assert made.tolist() == pytest.approx([1 - 1 / (1 + math.exp(-0.3)), 1 - 1 / (1 + math.exp(0.3))])
    assert slope(lambda x: kto(x, t(0.0), wanted[:1]), 0.5) < 0 < slope(lambda x: kto(x, t(0.0), wanted[1:]), 0.5)


def test_a_baseline_is_not_trained_through():
    baseline = torch.zeros(1, requires_grad=True)
    gained = torch.ones(1, requires_grad=True)
    kto(gained, baseline, torch.tensor([True])).sum().backward()
    assert baseline.grad is None and gained.grad.abs() > 0


def test_a_ranking_of_two_is_a_choice_and_equal_ones_are_worth_the_logarithm_of_all_orders():
    worth = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(plackett_luce(worth), bradley_terry(worth[:, 0] - worth[:, 1]))
    assert float(plackett_luce(torch.zeros(1, 4))) == pytest.approx(math.log(math.factorial(4)))


def test_the_chances_of_all_rankings_are_1_together():
    worth = t(0.3, -1.0, 0.9)
    chances = [math.exp(-float(plackett_luce(worth[list(order)][None]))) for order in permutations(range(3))]
    assert sum(chances) == pytest.approx(1.0)
    first = math.exp(0.9) / sum(math.exp(w) for w in (0.3, -1.0, 0.9))
    assert chances[list(permutations(range(3))).index((2, 0, 1))] == pytest.approx(first * math.exp(0.3) / (math.exp(0.3) + math.exp(-1.0)))
