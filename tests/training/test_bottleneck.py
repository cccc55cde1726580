"""The person's term inside the bottleneck, against the module of the paper written out, and what each may learn."""

import numpy as np
import pytest
import torch

from idiolect.errors import ModelError
from idiolect.training import bottleneck
from idiolect.training.bottleneck import Everybody, outlets
from idiolect.training.loop import Plan
from idiolect.types import Steering
from tests.tiny_models import make_model
from tests.training.conftest import near, pairs_of

PLAN = Plan(lr=1e-2, epochs=6, batch=8)
KINDS = ["llama", "gpt2", "qwen2"]


def everybody():
    """Two people's pairs, and whose each is."""
    return pairs_of("ann", 3) + pairs_of("bob", 3), [0, 0, 0, 1, 1, 1]


def made(lm, drop=0.0, plan=PLAN):
    return bottleneck.shared(lm, *everybody(), rank=2, size=4, drop=drop, plan=plan)


def bent(request, adapter, maps, vector):
    return request.bent(adapters={adapter: 1.0}, steering=[Steering(i, move, "all") for i, move in enumerate(maps @ vector)])


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_request_carries_is_the_papers_module_to_the_rounding(kind, request):
    """s B (A x + P e) put into the last module of each block by hand, on a model of its own."""
    bench = request.getfixturevalue(kind)
    adapter, maps = made(bench.lm)
    vector, pair = np.random.default_rng(1).normal(0, 1, 4).astype(np.float32), pairs_of("ann", 2)[1]
    model = make_model(kind, len(bench.tokenizer))
    for layer, path in enumerate(outlets(bench.lm)):
        a, b = (torch.from_numpy(factor) for factor in adapter.modules[path])
        inner = torch.linalg.lstsq(b, torch.from_numpy(maps[layer] @ vector)[:, None]).solution[:, 0]  # P e, of which B gives the move
        model.get_submodule(path).register_forward_hook(lambda m, x, y, a=a, b=b, inner=inner: y + (x[0] @ a.T + inner) @ b.T)
    row = bench.lm.encode(*pair)
    with torch.no_grad():
        logp = model(input_ids=torch.tensor([row.ids])).logits[0, row.prompt - 1 : -1].log_softmax(dim=-1)
    wanted = logp.gather(1, torch.tensor(row.ids[row.prompt :])[:, None]).sum().item()
    assert bench.lm.score([bent(pair[0], adapter, maps, vector)], [pair[1]])[0].nats == pytest.approx(wanted, abs=1e-3)


def test_a_vector_of_zeros_is_the_plain_lora(llama):
    adapter, maps = made(llama.lm)
    request, answer = pairs_of("ann", 1)[0]
    asked = [bent(request, adapter, maps, np.zeros(4, np.float32)), request.bent(adapters={adapter: 1.0})]
    assert len({score.nats for score in llama.lm.score(asked, [answer] * 2)}) == 1


def test_the_loss_that_is_trained_is_the_loss_of_the_request_in_use(llama):
    """The learner's own bends against those of a request that carries adapter and steering."""
    pairs, owners = everybody()
    learner = Everybody(llama.lm, outlets(llama.lm), owners, 2, 4, 0.0, 0)
    parameters = learner.start(1)
    chance = torch.Generator().manual_seed(3)
    parameters = {name: (value + 0.1 * torch.randn(value.shape, generator=chance)).detach() for name, value in parameters.items()}
    rows = [llama.lm.encode(*pair) for pair in pairs]
    bends = learner.bend(llama.lm.bends([r for r, _ in pairs]), parameters, torch.zeros(6, dtype=torch.long), torch.arange(6))
    with torch.no_grad():
        trained = llama.lm.answer_logprobs(rows, bends)[0].sum(dim=1).numpy()
    adapter = learner.adapter({name: value[0] for name, value in parameters.items()}, "")
    maps = np.stack([(parameters[f"{path}|P"][0] @ parameters[f"{path}|B"][0]).T.numpy() for path in learner.shapes])
    asked = [bent(request, adapter, maps, parameters["e"][0, owner].numpy()) for (request, _), owner in zip(pairs, owners, strict=True)]
    used = [score.nats for score in llama.lm.score(asked, [answer for _, answer in pairs])]
    assert np.allclose(trained, used, atol=1e-3)


def test_a_vector_left_out_every_time_is_never_learnt_and_leaves_a_plain_lora(llama, monkeypatch):
    kept, real = [], bottleneck.train
    monkeypatch.setattr(bottleneck, "train", lambda *args: kept.append(real(*args)) or kept[-1])
    made(llama.lm, drop=1.0)
    made(llama.lm, drop=0.0)
    assert not kept[0][0]["e"].any() and all(row.any() for row in kept[1][0]["e"])


def test_own_vectors_make_the_persons_answers_likelier_and_are_learnt_apart(llama):
    adapter, maps = made(llama.lm)
    jobs = [
        [(r.bent(adapters={adapter: 1.0}), a) for r, a in pairs_of(name, count)] for name, count in (("ann", 4), ("bob", 0), ("cyd", 2))
    ]
    plan = Plan(lr=5e-2, epochs=8, weight_decay=0.0)
    together = bottleneck.own(llama.lm, jobs, maps, plan)
    assert not together[1].any()
    for job, vector in zip(jobs, together, strict=True):
        assert np.allclose(bottleneck.own(llama.lm, [job], maps, plan)[0], vector, atol=1e-4)
        answers = [answer for _, answer in job]
        before = llama.lm.score([request for request, _ in job], answers)
        after = llama.lm.score([bent(request, adapter, maps, vector).bent(adapters={adapter: -1.0}) for request, _ in job], answers)
        assert sum(s.nats for s in after) > sum(s.nats for s in before) or not job


def test_the_same_seed_teaches_the_same(llama):
    (one, maps), (other, others) = made(llama.lm, drop=0.5), made(llama.lm, drop=0.5)
    assert near(one, other) and np.array_equal(maps, others)


@pytest.mark.parametrize("kind", KINDS)
def test_the_last_module_of_each_block_is_found(kind, request):
    assert [path.rpartition(".")[2] for path in outlets(request.getfixturevalue(kind).lm)] == [
        "c_proj" if kind == "gpt2" else "down_proj"
    ] * 2


def test_settings_that_hold_nothing_are_refused(llama):
    with pytest.raises(ModelError, match="0 numbers"):
        bottleneck.shared(llama.lm, [], [], rank=2, size=0, drop=0.5, plan=PLAN)
