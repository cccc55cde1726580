"""A mixture of LoRA experts against its parts, and a router whose answer is known."""

import numpy as np
import pytest
import torch

from idiolect.errors import RequestError
from idiolect.training.experts import Experts, Routed, beside, experts
from idiolect.training.loop import Plan
from idiolect.training.sft import sft
from tests.training.conftest import near, pairs_of

PATHS = [f"model.layers.{i}.self_attn.{name}" for i in range(2) for name in ("q_proj", "v_proj")]
POINTS = 20 * np.eye(2, 3, dtype=np.float32)  # two people, three numbers each


def nats(lm, pairs, adapters):
    requests = [request.bent(adapters=adapters) for request, _ in pairs]
    return sum(score.nats for score in lm.score(requests, [answer for _, answer in pairs]))


def taught(lm, **options):
    pairs, owners = pairs_of("ann", 4) + pairs_of("bob", 4), [0] * 4 + [1] * 4
    options = {"paths": PATHS, "rank": 2, "count": 3, "plan": Plan(lr=1e-2, epochs=12, batch=8, weight_decay=0.0)} | options
    return experts(lm, pairs, owners, POINTS, **options)


def test_the_mixture_is_the_sum_of_the_experts_products_in_their_shares(llama):
    made = taught(llama.lm)
    shares = np.array([0.5, 0.2, 0.3], np.float32)
    for path, (a, b) in made.mixed(shares).modules.items():
        whole_a, whole_b = made.adapter.modules[path]
        wanted = sum(shares[i] * whole_b[:, 2 * i : 2 * i + 2] @ whole_a[2 * i : 2 * i + 2] for i in range(3))
        assert np.allclose(b @ a, wanted, atol=1e-6) and made.mixed(shares).scale == 2.0


def test_shares_add_up_to_one_and_a_router_that_is_sure_takes_one_expert(llama):
    made = Experts(llama.adapter(0), 100 * np.eye(3, dtype=np.float32))
    assert np.allclose(made.shares(POINTS), np.eye(2, 3), atol=1e-6)
    assert np.allclose(made.shares(np.zeros((1, 3), np.float32)), 1 / 3)


def test_people_who_write_differently_are_sent_to_different_experts(llama):
    made = taught(llama.lm)
    shares = made.shares(POINTS)
    assert np.allclose(shares.sum(axis=1), 1) and np.abs(shares[0] - shares[1]).max() > 0.05
    own, other = (nats(llama.lm, pairs_of("ann", 4), {made.mixed(shares[i]): 1.0}) for i in (0, 1))
    assert own > other


def test_the_loss_that_is_trained_is_that_of_the_mixture_in_use(llama):
    pairs = pairs_of("ann", 2) + pairs_of("bob", 2)
    learner = Routed(llama.lm, PATHS, 2, 3, POINTS[[0, 0, 1, 1]], 0)
    chance = torch.Generator().manual_seed(5)
    parameters = {n: (v + 0.3 * torch.randn(v.shape, generator=chance)).detach() for n, v in learner.start(1).items()}
    common = llama.adapter(3)
    asked = [request.bent(adapters={common: 0.5}) for request, _ in pairs]
    bends = learner.bend(llama.lm.bends(asked), parameters, torch.zeros(4, dtype=torch.long), torch.arange(4))
    with torch.no_grad():
        trained = llama.lm.answer_logprobs([llama.lm.encode(*pair) for pair in pairs], bends)[0].sum(dim=1).numpy()
    made = Experts(learner.adapter({n: v[0] for n, v in parameters.items()}, ""), parameters["router"][0].numpy())
    mixed = [made.mixed(share) for share in made.shares(POINTS[[0, 0, 1, 1]])]
    used = llama.lm.score([r.bent(adapters={one: 1.0}) for r, one in zip(asked, mixed, strict=True)], [a for _, a in pairs])
    assert np.allclose(trained, [score.nats for score in used], atol=1e-3)


def test_one_expert_is_a_plain_lora_whatever_the_router(llama):
    pairs, plan = pairs_of("ann", 4), Plan(lr=1e-3, epochs=4)
    made = experts(llama.lm, pairs, [0] * 4, POINTS, paths=PATHS, rank=2, count=1, plan=plan)
    assert near(made.mixed(np.ones(1, np.float32)), sft(llama.lm, [pairs], rank=2, alpha=4.0, plan=plan)[0])


def test_without_training_the_own_adapter_is_nothing_and_both_shares_are_one(llama):
    mixture = llama.adapter(1, rank=4, targets=("q_proj", "v_proj"))
    (own,), shares = beside(llama.lm, [[]], [mixture], rank=2, plan=Plan())
    assert list(own.modules) == list(mixture.modules) and not any(b.any() for _, b in own.modules.values())
    assert shares.tolist() == [[1.0, 1.0]]


def test_an_own_adapter_beside_its_mixture_is_learnt_alone_and_makes_answers_likelier(llama):
    common = llama.adapter(9, rank=3)  # on more modules than the mixtures
    mixtures = [llama.adapter(seed, rank=4, targets=("q_proj", "v_proj")) for seed in (1, 2)]
    jobs = [[(r.bent(adapters={common: 0.3}), a) for r, a in pairs_of(name, count)] for name, count in (("ann", 4), ("bob", 2))]
    plan = Plan(lr=1e-2, epochs=8)
    together, shares = beside(llama.lm, jobs, mixtures, rank=2, plan=plan)
    assert np.allclose(shares.sum(axis=1), 2)
    for job, mixture, own, share in zip(jobs, mixtures, together, shares, strict=True):
        (alone,), (single,) = beside(llama.lm, [job], [mixture], rank=2, plan=plan)
        assert np.allclose(single, share, atol=1e-4) and share[0] != 1.0
        assert near(alone, own)
        before, after = ({mixture: 1.0}, {mixture: float(share[0]), own: float(share[1])})
        assert nats(llama.lm, job, after) > nats(llama.lm, job, before)


def test_where_the_mixture_is_all_wrong_it_loses_its_share_to_the_own_adapter(llama):
    wrong = llama.adapter(1, rank=4, scale=2.0, targets=("q_proj", "v_proj"))
    _, shares = beside(llama.lm, [pairs_of("ann", 4)], [wrong], rank=2, plan=Plan(lr=3e-2, epochs=15))
    assert shares[0, 0] < 0.9


def test_experts_that_hold_nothing_are_refused(llama):
    with pytest.raises(RequestError, match="0 experts"):
        taught(llama.lm, count=0)
