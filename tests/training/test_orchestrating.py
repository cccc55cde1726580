"""The gate: what it hears is what the model decodes by, its gradient, what REBEL draws it to, and that experts never change."""

import numpy as np
import pytest

from idiolect.training.orchestrating import Heard, Orchestration, chance, heard, mixture, orchestrated, rebel, worth
from idiolect.training.rewards import Scale
from idiolect.types import Reply, ask

PLAN = Orchestration(eta=2.0, steps=400, hold=0.0)
ASKED = [ask("Tell me of the fox", max_tokens=6), ask("Tell me of the dog", max_tokens=6)]
FLAT = Scale(np.zeros(2), np.ones(2))


def made_up(states, logp, weights=(0.5, 0.5)):
    return Heard(np.array(states, np.float64), np.log(np.array(logp)), np.array(weights))


def random_answer(chance, tokens=5, experts=3, width=4):
    logp = np.log(chance.dirichlet(np.ones(7), (tokens, experts))[..., 0])
    return Heard(chance.normal(size=(tokens, width)), logp, chance.dirichlet(np.ones(experts)))


def test_what_the_gate_hears_gives_the_likelihood_that_the_guide_scores(llama):
    experts, weights = [llama.adapter(1), llama.adapter(2)], np.array([0.3, 0.7])
    gate = np.random.default_rng(0).normal(0, 0.3, (2, 33)).astype(np.float32)
    replies = [Reply("the dog sleeps"), Reply("a fox", finish="length")]
    made = heard(llama.lm, ASKED, replies, experts, np.stack([weights, weights]))
    for one, request, reply in zip(made, ASKED, replies, strict=True):
        told = Heard(np.column_stack([one.states, np.ones(len(one.states))]), one.logp, one.weights)
        whole = chance(told, gate)[0]
        scored = llama.lm.score([mixture(request, experts, weights, gate)], [reply.text])[0]
        ends = int(reply.finish == "stop")
        assert len(one.states) == len(scored.logprobs) + ends
        cut = Heard(told.states[: len(scored.logprobs)], one.logp[: len(scored.logprobs)], weights)
        assert chance(cut, gate)[0] == pytest.approx(scored.nats, abs=1e-3)
        assert (whole < chance(cut, gate)[0]) == bool(ends)


def test_a_gate_of_zeros_and_no_gate_are_the_same_mixture(llama):
    experts, weights = [llama.adapter(1), llama.adapter(2)], np.array([0.3, 0.7])
    gated, plain = (mixture(ASKED[0], experts, weights, gate) for gate in (np.zeros((2, 33), np.float32), None))
    assert llama.lm.generate([gated])[0].text == llama.lm.generate([plain])[0].text
    assert llama.lm.score([gated], ["the dog"])[0].nats == pytest.approx(llama.lm.score([plain], ["the dog"])[0].nats, abs=1e-4)


@pytest.mark.parametrize("gate", [None, np.ones((2, 33), np.float32)])
def test_all_weight_on_one_expert_is_that_expert(llama, gate):
    experts = [llama.adapter(1), llama.adapter(2)]
    made = mixture(ASKED[0], experts, np.array([0.0, 1.0]), gate)
    alone = ASKED[0].bent(adapters={experts[1]: 1.0})
    assert llama.lm.generate([made])[0].text == llama.lm.generate([alone])[0].text


def test_the_gradient_is_that_of_the_likelihood():
    random = np.random.default_rng(1)
    answer, gate = random_answer(random), random.normal(size=(3, 4))
    nats, slope = chance(answer, gate)
    alpha = np.exp(answer.states @ gate.T) * answer.weights
    by_hand = np.log((alpha / alpha.sum(1, keepdims=True) * np.exp(answer.logp)).sum(1)).sum()
    assert nats == pytest.approx(by_hand)
    for place in np.ndindex(*gate.shape):
        nudge = np.zeros_like(gate)
        nudge[place] = 1e-6
        assert slope[place] == pytest.approx((chance(answer, gate + nudge)[0] - chance(answer, gate - nudge)[0]) / 2e-6, abs=1e-5)


def test_the_log_ratio_of_two_answers_comes_to_eta_times_the_difference_of_their_rewards():
    good, bad = made_up([[1.0, 0.0]], [[0.9, 0.1]]), made_up([[1.0, 0.0]], [[0.1, 0.9]])
    gate = rebel(np.zeros((2, 3), np.float32), [(good, bad)], np.array([0.4]), PLAN)

    def ratio(one):
        told = Heard(np.column_stack([one.states, np.ones(1)]), one.logp, one.weights)
        return chance(told, gate)[0] - chance(told, np.zeros((2, 3)))[0]

    assert ratio(good) - ratio(bad) == pytest.approx(PLAN.eta * 0.4, abs=1e-3)


def test_equal_rewards_and_no_answers_leave_the_gate_as_it_was():
    random, gate = np.random.default_rng(2), np.ones((3, 5), np.float32)
    pairs = [(random_answer(random), random_answer(random)) for _ in range(4)]
    assert np.allclose(rebel(gate, pairs, np.zeros(4), PLAN), gate, atol=1e-3)
    assert rebel(gate, [], np.zeros(0), PLAN) is gate


def test_a_gate_learns_which_expert_is_good_in_which_state():
    random = np.random.default_rng(3)
    pairs, ahead = [], []
    for number in range(60):
        state = np.eye(2)[number % 2][None] * 3
        here = number % 2  # in this state the rewarded token is the one that this expert likes
        liked = np.full((1, 2), 0.1)
        liked[0, here] = 0.8
        pairs.append((Heard(state, np.log(liked), np.array([0.5, 0.5])), Heard(state, np.log(1 - liked), np.array([0.5, 0.5]))))
        ahead.append(random.uniform(0.2, 0.4))
    gate = rebel(np.zeros((2, 3), np.float32), pairs, np.array(ahead), PLAN)
    for here in (0, 1):
        scores = gate[:, :-1] @ (np.eye(2)[here] * 3) + gate[:, -1]
        shares = np.exp(scores) / np.exp(scores).sum()
        assert shares[here] > 0.7


def test_a_shift_of_one_objectives_rewards_changes_nothing_and_the_reference_itself_is_worth_a_half():
    random = np.random.default_rng(4)
    rewards, reference, weights = random.normal(size=(5, 2)), random.normal(size=(5, 2)), np.full((5, 2), 0.5)
    shift = np.array([10.0, -3.0])
    assert np.allclose(worth(rewards, reference, weights), worth(rewards + shift, reference + shift, weights))
    assert np.allclose(worth(reference, reference, weights), 0.5)
    assert np.allclose(worth(rewards, reference, np.tile([1.0, 0.0], (5, 1))), 1 / (1 + np.exp(reference - rewards))[:, 0])


def test_learning_moves_the_gate_and_never_an_expert(llama):
    experts = [llama.adapter(1), llama.adapter(2)]
    before = [expert.digest for expert in experts]
    requests = [ask(f"Tell me of the fox {i}") for i in range(6)]
    plan = Orchestration(tokens=6, steps=20)
    gate = orchestrated(llama.lm, requests, experts, ("brief", "varied"), FLAT, plan)
    assert gate.shape == (2, 33) and np.isfinite(gate).all() and np.abs(gate).max() > 1e-3
    assert [type(expert)(expert.modules, expert.scale).digest for expert in experts] == before
    assert np.array_equal(gate, orchestrated(llama.lm, requests, experts, ("brief", "varied"), FLAT, plan))
    for requests_, rounds in (([], 1), (requests, 0)):
        assert not orchestrated(llama.lm, requests_, experts, ("brief", "varied"), FLAT, Orchestration(rounds=rounds)).any()
