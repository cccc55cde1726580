"""The policy gradient: exact in expectation, at its optimum where that is known, and through a model's own answers."""

import itertools

import numpy as np
import pytest
import torch

from idiolect.errors import RequestError
from idiolect.training.directions import dirichlet
from idiolect.training.loop import Plan
from idiolect.training.policy import Alone, Ascent, advantages, counting, improved, surrogate
from idiolect.training.rewards import Scale
from idiolect.training.sft import lora
from idiolect.training.slots import Sums
from idiolect.types import ask

REFERENCE = torch.tensor([0.5, 0.3, 0.2]).log()
REWARDS = torch.tensor([[1.0, 0.0], [0.6, 0.9], [-0.5, 1.0]])  # of three outcomes, by two objectives
BETA = 0.5
ASKED = [ask(f"Question {i} of the fox") for i in range(4)]


def objective(logits, rewards):
    logp = logits.log_softmax(0)
    return float((logp.exp() * (rewards - BETA * (logp - REFERENCE))).sum())


def taught(rewards, how, steps, epochs=1):
    """Logits of three outcomes after so many steps of the very functions that a model is taught with, on drawn outcomes."""
    chance, logits = torch.Generator().manual_seed(0), REFERENCE.clone().requires_grad_()
    optimizer = torch.optim.Adam([logits], lr=0.02)
    for step in range(steps):
        drawn = torch.multinomial(logits.detach().softmax(0), 8, replacement=True, generator=chance).view(2, 4)
        old = logits.detach().log_softmax(0)[drawn]
        better = advantages(rewards[drawn] - BETA * (old - REFERENCE[drawn]), how)
        for group in optimizer.param_groups:
            group["lr"] = 0.02 * (1 - step / steps)
        for _ in range(epochs):
            optimizer.zero_grad()
            surrogate(logits.log_softmax(0)[drawn], old, better, how).mean().backward()
            optimizer.step()
    return logits.detach()


@pytest.mark.parametrize("weight", [1.0, 0.5, 0.0])
@pytest.mark.parametrize(("how", "epochs", "close"), [("reinforce", 1, 1e-4), ("ppo", 2, 1e-4), ("grpo", 1, 3e-3)])
def test_on_three_outcomes_the_policy_reaches_beta_log_z(weight, how, epochs, close):
    rewards = REWARDS @ torch.tensor([weight, 1 - weight])
    best = BETA * float(torch.logsumexp(REFERENCE + rewards / BETA, 0))
    assert objective(REFERENCE + rewards / BETA, rewards) == pytest.approx(best, abs=1e-6)  # the closed form itself
    reached = objective(taught(rewards, how, 800, epochs), rewards)
    assert best - close < reached <= best + 1e-6
    assert objective(REFERENCE, rewards) < best - 0.02


def test_the_expected_gradient_of_a_group_is_that_of_the_objective():
    rewards, logits = REWARDS[:, 0], torch.tensor([0.3, -0.2, 0.1], requires_grad=True)
    logp = logits.log_softmax(0)
    (logp.exp() * (rewards - BETA * (logp - REFERENCE))).sum().backward()
    wanted, logits.grad = logits.grad.clone(), None
    for group in itertools.product(range(3), repeat=2):  # every pair that can be drawn, by its chance
        own, drawn = logits.log_softmax(0), torch.tensor([group])
        chance = float(own.detach()[drawn].sum().exp())
        better = advantages(rewards[drawn] - BETA * (own.detach() - REFERENCE)[drawn])
        (chance * surrogate(own[drawn], own.detach()[drawn], better).sum()).backward()
    assert (-logits.grad).tolist() == pytest.approx(wanted.tolist(), abs=1e-6)


def test_an_advantage_is_over_the_mean_of_the_others_and_in_spreads_for_grpo():
    returns = torch.tensor([[1.0, 2.0, 6.0], [5.0, 5.0, 5.0]])
    assert advantages(returns)[0].tolist() == pytest.approx([1 - 4.0, 2 - 3.5, 6 - 1.5])
    assert not advantages(returns)[1].any() and not advantages(returns, "grpo")[1].any()
    assert advantages(returns, "grpo")[0].std() == pytest.approx(1, abs=1e-3)


def test_a_clipped_answer_stops_counting_once_it_moved_far_enough_the_right_way():
    old = torch.zeros(1, 4)
    logp = torch.tensor([[0.5, -0.5, 0.5, -0.5]], requires_grad=True)
    surrogate(logp, old, torch.tensor([[1.0, -1.0, -1.0, 1.0]]), "ppo", clip=0.2).sum().backward()
    assert (logp.grad[0] == 0).tolist() == [True, True, False, False]


def lettered(text):
    return sum(c.isascii() and c.isalpha() for c in text) / max(len(text), 1)


def letters(lm, adapters=None):
    """The mean share of letters in answers that are drawn by other chances than those that teach."""
    bent = [request.bent(adapters=adapters or {}) for request in ASKED]
    sampled = [one.sampled(temperature=1.0, seed=9000 + seed, max_tokens=2) for one in bent for seed in range(24)]
    return np.mean([lettered(reply.text) for reply in lm.generate(sampled)])


def literacy(requests, answers, weights):
    """The share of letters by weight 1, of everything else by weight 0."""
    return (2 * weights[:, 0] - 1) * np.array([lettered(answer) for answer in answers])


def weights_of(*jobs):
    return lambda step: np.array([[[weight, 1 - weight]] * 4 for weight in jobs])


PLAN = Ascent(steps=12, questions=4, group=16, lr=5e-2, beta=0.02, tokens=2)


def policy(bench, jobs):
    return Alone(lora(bench.lm, jobs, 4, 8.0, ("v_proj", "lm_head"), Plan()))


@pytest.mark.parametrize("how", ["reinforce", "ppo", "grpo"])
def test_each_job_goes_where_its_own_reward_is(llama, how):
    plan = Ascent(**{**vars(PLAN), "how": how})
    own = policy(llama, 2)
    more, fewer = improved(llama.lm, own, [ASKED, ASKED], literacy, weights_of(1.0, 0.0), plan)
    before = letters(llama.lm)
    assert letters(llama.lm, own.mixture(more, None)) > before + 0.3
    assert letters(llama.lm, own.mixture(fewer, None)) < before - 0.1


def test_through_the_engine_the_policy_reaches_beta_log_z_over_all_next_tokens(llama):
    beta, lm, asked = 0.5, llama.lm, ASKED[0]
    own = Alone(lora(lm, 1, 2, 4.0, ("lm_head",), Plan()))  # under one question it can move every token's logit by itself
    plan = Ascent(steps=80, questions=1, group=48, lr=5e-2, beta=beta, tokens=1)
    learnt = improved(lm, own, [[asked]], literacy, lambda step: np.array([[[1.0, 0.0]]]), plan)[0]

    def said(request):
        row = lm.encode(request, reserve=1)
        with torch.no_grad():
            return lm.engine.logits(lm.engine.padded([row], lm.bends([request])), lm.bends([request]), 1)[0, -1].log_softmax(0)

    worth = torch.tensor([0.0 if token in lm.ends else lettered(lm.tokenizer.decode([token])) for token in range(len(lm.tokenizer))])
    reference, policy = said(asked)[: len(worth)], said(asked.bent(adapters=own.mixture(learnt, None)))[: len(worth)]
    best = beta * float(torch.logsumexp(reference + worth / beta, 0))
    reached = float((policy.exp() * (worth - beta * (policy - reference))).sum())
    start = float((reference.exp() * worth).sum())
    assert start + 0.9 * (best - start) < reached <= best + 1e-5


def test_one_policy_answers_each_of_the_weights_that_are_drawn_for_it_as_they_ask(llama):
    own = Sums(lora(llama.lm, 1, 4, 8.0, ("v_proj", "lm_head"), Plan()), 2)
    chance = np.random.default_rng(0)
    plan = Ascent(**{**vars(PLAN), "steps": 20})
    learnt = improved(llama.lm, own, [ASKED], literacy, lambda step: dirichlet(4, 2, chance, 0.5)[None], plan)[0]
    made = [letters(llama.lm, own.mixture(learnt, np.array([weight, 1 - weight]))) for weight in (0.0, 0.5, 1.0)]
    assert made == sorted(made) and made[2] > made[0] + 0.3


def test_a_job_learns_in_company_what_it_learns_alone(llama):
    plan = Ascent(**{**vars(PLAN), "steps": 3})
    own = policy(llama, 2)
    both = improved(llama.lm, own, [ASKED, ASKED[::-1]], literacy, weights_of(1.0, 0.0), plan)
    alone = improved(llama.lm, policy(llama, 1), [ASKED[::-1]], literacy, weights_of(0.0), plan)
    for name, value in alone[0].items():
        assert torch.allclose(both[1][name], value, atol=1e-4)
    assert any(not torch.allclose(both[0][name], both[1][name], atol=1e-3) for name in alone[0])


def test_the_divergence_holds_the_policy_to_the_model(llama):
    own, lm = policy(llama, 1), llama.lm
    free, held = (improved(lm, own, [ASKED], literacy, weights_of(1.0), Ascent(**{**vars(PLAN), "beta": beta}))[0] for beta in (0.0, 3.0))
    moved = [sum(float((value**2).sum()) for name, value in one.items() if name.endswith("B")) for one in (free, held)]
    gained = [letters(lm, own.mixture(one, None)) - letters(lm) for one in (free, held)]
    assert gained[0] > gained[1] and moved[0] > 0


def test_requests_keep_their_own_bends_in_what_is_drawn_and_in_the_reference(llama):
    bent = [request.bent(adapters={llama.adapter(3): 1.0}) for request in ASKED]
    own = policy(llama, 1)
    made = improved(llama.lm, own, [bent], literacy, weights_of(1.0), Ascent(**{**vars(PLAN), "steps": 1, "beta": 5.0, "lr": 1e-2}))
    plain = improved(llama.lm, own, [ASKED], literacy, weights_of(1.0), Ascent(**{**vars(PLAN), "steps": 1, "beta": 5.0, "lr": 1e-2}))
    assert any(not torch.allclose(made[0][name], plain[0][name], atol=1e-4) for name in made[0])


def test_without_requests_nothing_is_learnt_and_uneven_jobs_are_refused(llama):
    own = policy(llama, 1)
    assert not any(
        value.any() for name, value in improved(llama.lm, own, [[]], literacy, weights_of(1.0), PLAN)[0].items() if name.endswith("B")
    )
    with pytest.raises(RequestError, match="give each as many"):
        improved(llama.lm, policy(llama, 2), [ASKED, ASKED[:1]], literacy, weights_of(1.0, 0.0), PLAN)


def test_the_counting_judge_weighs_z_scores():
    scale = Scale(np.array([-1.0, 0.0]), np.array([0.5, 2.0]))
    judge = counting(("brief", "thorough"), scale)
    made = judge([ask("the red fox")] * 2, ["red fox", "red fox"], np.array([[1.0, 0.0], [0.0, 1.0]]))
    assert made.tolist() == pytest.approx([(-np.log(3) + 1) / 0.5, np.sqrt(2) / 2])


def test_every_question_is_asked_before_one_comes_again():
    plan = Ascent(questions=3)
    asked = [place for step in range(4) for place in plan.asked(step, 6)]
    assert sorted(asked[:6]) == sorted(asked[6:]) == list(range(6)) and len(plan.asked(0, 2)) == 3


@pytest.mark.parametrize("wrong", [{"group": 1}, {"beta": -1.0}, {"how": "a2c"}, {"how": "reinforce", "epochs": 2}, {"steps": 0}])
def test_a_plan_out_of_range_is_refused(wrong):
    with pytest.raises(RequestError):
        Ascent(**wrong)
