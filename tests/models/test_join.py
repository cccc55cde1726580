"""Rules by which voices join: numbers worked out by hand, what they have in common, and the same in decoding and in scoring."""

import numpy as np
import pytest
import torch

from idiolect.errors import ModelError, RequestError
from idiolect.models.join import Blend, join, voices
from idiolect.types import Gate, Guide, ask
from tests.models.test_local_bends import generated

FIRST, SECOND = (0.7, 0.2, 0.1), (0.1, 0.3, 0.6)
HALVES = (0.5, 0.5)
QUESTION = ask("Tell me of the fox", max_tokens=10)


def joined(rows, blend, states=()):
    """What the rule makes of probabilities (voices, vocabulary): probabilities."""
    return join(torch.tensor(rows).log(), [blend], states)[0].exp()


def random_rows(voices, vocabulary, seed):
    return torch.randn(voices, vocabulary, generator=torch.Generator().manual_seed(seed)).softmax(dim=-1).tolist()


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("geometric", (0.3507, 0.3247, 0.3247)),
        ("arithmetic", (0.4, 0.25, 0.35)),
        ("harmonic", (0.175 / 0.5864, 0.240 / 0.5864, 0.1714 / 0.5864)),
    ],
)
def test_three_rules_give_three_answers_that_are_known(rule, expected):
    made = joined([FIRST, SECOND], Blend(HALVES, rule))
    assert made.tolist() == pytest.approx(expected, abs=5e-5)
    assert float(made.sum()) == pytest.approx(1)


def test_the_weighted_mean_of_ratios_is_what_was_worked_out_by_hand_and_not_the_sum_of_their_logarithms():
    experts, against = [FIRST, SECOND], [(0.5, 0.3, 0.2), (0.2, 0.4, 0.4)]
    made = joined([*experts, *against], Blend((0.5, 0.5, 0.0, 0.0), "ratios", (2, 3, 2, 3)))
    assert made.tolist() == pytest.approx((0.3574, 0.2665, 0.3762), abs=5e-5)
    logs = joined([*experts, *against], Blend((0.5, 0.5, -0.5, -0.5)))
    assert logs.tolist() == pytest.approx((0.3472, 0.2934, 0.3594), abs=5e-5)


@pytest.mark.parametrize("rule", ["geometric", "arithmetic", "harmonic"])
def test_a_weight_of_one_is_that_voice_and_equal_voices_are_that_voice(rule):
    one, other = random_rows(2, 9, seed=1)
    assert joined([one, other], Blend((0.0, 1.0), rule)).tolist() == pytest.approx(other, abs=1e-6)
    assert joined([one, one, one], Blend((0.2, 0.5, 0.3), rule)).tolist() == pytest.approx(one, abs=1e-6)


def test_the_geometric_mean_is_the_nearest_to_its_voices_of_all_distributions_by_reverse_kl():
    rows, weights = torch.tensor(random_rows(3, 6, seed=2)), torch.tensor([0.2, 0.3, 0.5])
    best = joined(rows.tolist(), Blend(tuple(weights.tolist())))

    def cost(p):
        return float((weights[:, None] * p * (p.log() - rows.log())).sum())

    nudges = torch.randn(200, 6, generator=torch.Generator().manual_seed(0)) * 0.05
    assert all(cost((best.log() + nudge).softmax(dim=-1)) > cost(best) for nudge in nudges)


def test_an_arithmetic_mean_lies_between_its_voices_token_by_token():
    rows = torch.tensor(random_rows(3, 20, seed=3))
    made = joined(rows.tolist(), Blend((0.2, 0.3, 0.5), "arithmetic"))
    assert ((made >= rows.amin(dim=0) - 1e-7) & (made <= rows.amax(dim=0) + 1e-7)).all()


def test_equal_pairs_are_level_over_the_candidates_so_only_the_mask_speaks():
    one, other = random_rows(2, 8, seed=4)
    made = joined([one, other], Blend((0.4, 0.6), "ratios", (0, 1), judge=None, plausible=0.3))
    mixture = 0.4 * torch.tensor(one) + 0.6 * torch.tensor(other)
    kept = mixture >= 0.3 * mixture.max()
    assert 1 < int(kept.sum()) < 8
    assert made.tolist() == pytest.approx((kept.float() / kept.sum()).tolist(), abs=1e-6)


@pytest.mark.parametrize("weight", [0.0, 0.4, 0.8, 1.0, 1.5])
@pytest.mark.parametrize("top", [1, 3, 7])
def test_pads_score_is_a_weighted_sum_of_log_probabilities_on_the_candidates_of_the_first(weight, top):
    for seed in range(20):
        base, reward = torch.randn(2, 12, generator=torch.Generator().manual_seed(seed))
        candidates = base.topk(top).indices
        gained = reward[candidates].log_softmax(-1) - base[candidates].log_softmax(-1)
        expected = torch.full((12,), -torch.inf)
        expected[candidates] = base[candidates] + weight * gained
        made = join(torch.stack([base, reward]).log_softmax(-1), [Blend((1 - weight, weight), judge=0, top=top)])[0]
        assert torch.allclose(made[candidates], expected.log_softmax(-1)[candidates], atol=1e-5)
        assert torch.equal(made > -torch.inf, expected > -torch.inf)
        assert top > 1 or int(made.argmax()) == int(base.argmax())


def test_one_candidate_is_greedy_of_the_judge_and_all_candidates_are_the_other_voice():
    base, reward = torch.tensor(random_rows(2, 12, seed=5)).log()
    whole = join(torch.stack([base, reward]), [Blend((0.0, 1.0), judge=0, top=12)])[0]
    assert torch.allclose(whole, reward, atol=1e-6)
    assert int(join(torch.stack([base, reward]), [Blend((0.0, 1.0), judge=0, top=1)])[0].argmax()) == int(base.argmax())


def test_what_is_not_plausible_is_impossible_and_not_merely_unlikely():
    own, shared = (0.90, 0.06, 0.04), (0.2, 0.7, 0.1)
    made = joined([own, shared], Blend((1.0, -5.0), plausible=0.1))  # a floor of 1e-8 would let the second or third win
    assert made.tolist() == [1.0, 0.0, 0.0]
    assert joined([own, shared], Blend((1.0, -5.0))).argmax() != 0


def test_plausibility_of_one_is_greedy_and_equal_likeliest_tokens_all_stay():
    assert joined([(0.5, 0.3, 0.2), FIRST], Blend((1.0, 1.0), plausible=1.0)).tolist() == [1.0, 0.0, 0.0]
    assert joined([(0.4, 0.4, 0.2), FIRST], Blend((1.0, 0.0), top=1)).tolist() == pytest.approx([0.5, 0.5, 0.0])


def test_a_token_that_a_voice_calls_impossible_makes_no_number_that_is_none():
    never, other = (0.5, 0.5, 0.0), (0.2, 0.3, 0.5)
    for blend in (Blend((1.0, -1.0)), Blend((1.5, -0.5)), Blend(HALVES, "harmonic"), Blend((1.0, 0.0), "ratios", (1, 1))):
        assert joined([never, other], blend)[2] == 0
        assert joined([other, never], blend).isfinite().all()
        assert joined([never, never], blend).isfinite().all()


def test_a_gate_moves_the_weights_by_the_state_and_zeros_leave_them():
    rows, state = torch.tensor(random_rows(2, 5, seed=6)), torch.tensor([1.0, -2.0])
    still, moving = (Gate(np.array(vectors, np.float32)) for vectors in ([[0, 0, 0]] * 2, [[1, 0, 0.5], [0, 1, 0]]))
    kept = joined(rows.tolist(), Blend((0.3, 0.7), "arithmetic", gate=still), [state, None])
    assert torch.allclose(kept, 0.3 * rows[0] + 0.7 * rows[1], atol=1e-6)
    odds = torch.tensor([0.3, 0.7]).log() + torch.tensor([1.0 + 0.5, -2.0])
    shares = odds.softmax(-1)
    made = joined(rows.tolist(), Blend((0.3, 0.7), "arithmetic", gate=moving), [state, None])
    assert torch.allclose(made, shares[0] * rows[0] + shares[1] * rows[1], atol=1e-6)
    silent = joined(rows.tolist(), Blend((1.0, 0.0), "arithmetic", gate=moving), [state, None])
    assert torch.allclose(silent, rows[0], atol=1e-6)


def test_groups_of_all_kinds_join_side_by_side_as_each_alone():
    blends = [
        Blend(),
        Blend((1.5, -0.5)),
        Blend((1.0, -0.1), plausible=0.1),
        Blend((0.2, 0.8), judge=0, top=3),
        Blend(HALVES, "harmonic"),
        Blend((0.5, 0.5, 0.0), "ratios", (2, 2, 2), None, plausible=0.2),
        Blend((1.0,), plausible=0.5),
        Blend((1.4, -0.4)),
        Blend((0.1, 0.9), "arithmetic", gate=Gate(np.ones((2, 4), np.float32))),
    ]
    sizes = [len(blend.weights) for blend in blends]
    logp = torch.randn(sum(sizes), 7, 11, generator=torch.Generator().manual_seed(0)).log_softmax(-1)  # seven tokens each, as in scoring
    states = list(torch.randn(sum(sizes), 7, 3, generator=torch.Generator().manual_seed(1)))
    together = join(logp, blends, states)
    at = 0
    for number, (blend, size) in enumerate(zip(blends, sizes, strict=True)):
        alone = join(logp[at : at + size], [blend], states[at : at + size])[0]
        assert torch.allclose(together[number], alone, atol=1e-6)
        by_token = torch.stack([join(logp[at : at + size, t], [blend], [s[t] for s in states[at : at + size]])[0] for t in range(7)])
        assert torch.allclose(alone, by_token, atol=1e-5)
        at += size


def test_a_companion_gets_a_row_if_it_weighs_or_divides_or_judges():
    others = tuple(ask(f"q{i}") for i in range(4))
    for guide, heard in (
        (Guide(others, (1.0, 0.0, 2.0, 0.0, 0.0)), (1,)),
        (Guide(others, (1.0, 0.0, 0.0, 0.0, 0.0), judge=3, top=2), (2,)),
        (Guide(others, (1.0, 0.0, 0.0, 0.0, 0.0), judge=3), ()),  # all are candidates: nobody need judge
        (Guide(others, (0.5, 0.5, 0.0, 0.0, 0.0), "ratios", (4, 4, 1, 1, 0)), (0, 3)),
    ):
        rows, blend = voices(QUESTION.bent(guide=guide))
        assert rows[1:] == tuple(others[place] for place in heard)
        assert len(blend.weights) == len(rows)
    assert blend.against == (2, 2, 0)


@pytest.mark.parametrize(
    ("guide", "message"),
    [
        (Guide((QUESTION,), (1.0, 1.0), "quadratic"), "no rule is named 'quadratic'"),
        (Guide((QUESTION,), (1.0, -1.0), "harmonic"), "0 or more"),
        (Guide((QUESTION,), (0.0, 0.0), "arithmetic"), "not all 0"),
        (Guide((QUESTION,), (1.0, float("nan"))), "are numbers"),
        (Guide((QUESTION,), (1.0, 0.0), "ratios"), "the one against it"),
        (Guide((QUESTION,), (1.0, 0.0), "ratios", (2, 0)), "0 to 1"),
        (Guide((QUESTION,), (1.0, 0.0), judge=2, top=1), "no voice 2"),
        (Guide((QUESTION,), (1.0, 0.0), plausible=1.5), "1.5"),
        (Guide((QUESTION,), (1.0, -0.5), gate=Gate(np.zeros((2, 33), np.float32))), "gate takes a mean"),
        (Guide((QUESTION,), (1.0, 0.5), gate=Gate(np.zeros((3, 33), np.float32))), "weighs 3 voices"),
    ],
)
def test_a_guide_that_means_nothing_is_refused_with_its_numbers(llama, guide, message):
    with pytest.raises(RequestError, match=message):
        llama.lm.generate([QUESTION.bent(guide=guide)])


def test_a_gate_for_another_models_states_is_refused(llama):
    with pytest.raises(ModelError, match="made for another"):
        llama.lm.generate([QUESTION.bent(guide=Guide((), (1.0,), "arithmetic", gate=Gate(np.zeros((1, 8), np.float32))))])
    with pytest.raises(RequestError, match=r"a gate is \(voices, width"):
        Gate(np.zeros(3, np.float32))


def guides(bench):
    """One of each rule, with masks and a gate."""
    told, bent = QUESTION.told("You are a fox."), QUESTION.bent(adapters={bench.adapter(1): 1.0})
    gate = Gate(np.random.default_rng(0).normal(0, 0.2, (3, 33)).astype(np.float32))
    return [
        Guide((told, bent), (0.4, 0.3, 0.3), "harmonic"),
        Guide((told, bent), (0.5, 0.5, 0.0), "ratios", (2, 2, 2), judge=None, plausible=0.1),
        Guide((bent,), (1.0, -0.1), plausible=0.1),
        Guide((told,), (0.2, 0.8), judge=0, top=5),
        Guide((told, bent), (0.0, 0.5, 0.5), "arithmetic", gate=gate),
        Guide((told, bent), (0.2, 0.4, 0.4), gate=gate, judge=2, top=9),
    ]


def test_greedy_tokens_under_every_rule_are_those_that_scoring_calls_likeliest(bench):
    from idiolect.models.scoring import Unit, _answer_logp

    for guide in guides(bench):
        request = QUESTION.bent(guide=guide)
        tokens = tuple(generated(bench.lm, request))
        requests, blend = voices(request)
        unit = Unit(requests, [bench.lm.encode(voice).answered(tokens, 0) for voice in requests], blend)
        logp, states = zip(*_answer_logp(bench.lm.engine, list(zip(unit.requests, unit.rows, strict=True)), heard=True), strict=True)
        assert tuple(join(torch.stack(logp), [blend], states)[0].argmax(-1).tolist()) == tokens, guide.rule


def test_guided_requests_of_every_rule_in_one_batch_are_as_each_alone_in_text_and_score(bench):
    requests = [QUESTION.bent(guide=guide) for guide in guides(bench)]
    requests += [request.sampled(temperature=1.0, seed=i) for i, request in enumerate(requests)] + [QUESTION]
    answers = ["the dog sleeps on", "a", "", "fox " * 9] * 4
    assert bench.lm.generate(requests) == [bench.lm.generate([request])[0] for request in requests]
    together = bench.lm.score(requests, answers[: len(requests)])
    for score, request, answer in zip(together, requests, answers, strict=False):
        assert score.logprobs == pytest.approx(bench.lm.score([request], [answer])[0].logprobs, abs=1e-3)
    assert len({reply.text for reply in bench.lm.generate(requests)}) > 4


def test_a_drawn_token_is_always_a_candidate(llama):
    guide = Guide((QUESTION.told("You are a fox."),), (0.0, 1.0), judge=0, top=2)
    for seed in range(8):
        request = QUESTION.bent(guide=guide).sampled(temperature=2.0, seed=seed, max_tokens=6)
        answer = llama.lm.generate([request])[0].text
        tokens = generated(llama.lm, request)
        row = llama.lm.encode(QUESTION).answered(tuple(tokens), 0)
        with torch.no_grad():
            logits = llama.lm.engine.answer_logits([row], llama.lm.bends([QUESTION]))[0]
        assert all(token in line.topk(2).indices for token, line in zip(tokens, logits, strict=True)), answer


def test_a_gate_is_heard_while_others_join_and_leave(bench, opened):
    requests = [request.sampled(max_tokens=3 + 2 * i) for i, request in enumerate(QUESTION.bent(guide=g) for g in guides(bench))]
    requests = [*requests, *bench.assorted(12)]
    continuous = opened(bench.lm, most_rows=7, prefill=30)
    tickets = [continuous.submit(request, logprobs=12 if request.guide else 0) for request in requests]
    assert [ticket.reply(60) for ticket in tickets] == [bench.lm.generate([request])[0] for request in requests]
    assert all(np.isfinite([nats for _, nats in one.top]).all() for ticket in tickets for one in ticket.logprobs)
