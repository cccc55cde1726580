"""Gates and assembly of pieces, against forward passes written out, and the identities of mixing LoRA."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from idiolect.errors import RequestError
from idiolect.training.gates import Pool, assembled, gated
from idiolect.training.loop import Plan
from idiolect.types import Adapter
from tests.tiny_models import make_model
from tests.training.conftest import pairs_of

TARGETS = ("q_proj", "v_proj")


@pytest.fixture
def sharers(llama):
    return [llama.adapter(seed, rank=2, targets=TARGETS) for seed in range(4)]


@pytest.fixture
def pool(sharers):
    chance = np.random.default_rng(7)
    return Pool.of(sharers, [{path: chance.normal(0, 1, 32).astype(np.float32) for path in one.modules} for one in sharers])


def taken(pool, order):
    return Pool(*({path: array[order] for path, array in held.items()} for held in (pool.a, pool.b, pool.gates)))


def products(adapter):
    return {path: adapter.scale * b @ a for path, (a, b) in adapter.modules.items()}


def same(some, others, atol=1e-5):
    return some.keys() == others.keys() and all(np.allclose(some[path], others[path], atol=atol) for path in some)


def test_of_one_sharer_the_assembled_adapter_is_that_sharers(llama, sharers, pool):
    one = taken(pool, [2])
    (shares,) = assembled(llama.lm, [pairs_of("ann", 3)], one)
    assert (shares == 1).all() and same(products(one.mixture(shares)), products(sharers[2]))
    assert same(products(one.mixture(shares, strict=True)), products(sharers[2]))


def test_pieces_of_equal_score_are_averaged_exactly_and_apart_only_where_asked(llama, sharers, pool):
    equal = replace(taken(pool, [0, 1]), gates={path: np.zeros((2, 32), np.float32) for path in pool.gates})
    (shares,) = assembled(llama.lm, [pairs_of("ann", 3)], equal)
    assert np.allclose(shares, 0.5)
    mean = {path: (products(sharers[0])[path] + products(sharers[1])[path]) / 2 for path in equal.paths}
    apart = {}
    for path in equal.paths:
        (a0, b0), (a1, b1) = sharers[0].modules[path], sharers[1].modules[path]
        apart[path] = 0.5 * (b0 + b1) / 2 @ (a0 + a1) / 2  # 0.5 is the adapters' scale
    assert same(products(equal.mixture(shares)), mean) and same(products(equal.mixture(shares, strict=True)), apart)
    assert not same(mean, apart, atol=1e-2)


@pytest.mark.parametrize("strict", [False, True])
def test_the_order_of_the_pool_changes_nothing(llama, pool, strict):
    jobs, order = [pairs_of("ann", 3), pairs_of("bob", 2)], [2, 0, 3, 1]
    for one, other in zip(
        assembled(llama.lm, jobs, pool, 2, strict), assembled(llama.lm, jobs, taken(pool, order), 2, strict), strict=True
    ):
        assert np.allclose(one[:, order], other, atol=1e-6)
        assert same(products(pool.mixture(one, strict)), products(taken(pool, order).mixture(other, strict)))


def test_scores_are_taken_layer_by_layer_over_the_pieces_chosen_below(llama, pool):
    """Written out on a second model: module inputs with the lower pieces in place, normalized, against normalized gates."""
    pairs = pairs_of("ann", 2)
    (shares,) = assembled(llama.lm, [pairs], pool, top=2)
    model = make_model("llama", len(llama.tokenizer))
    below = {path: row for path, row in zip(pool.paths, shares, strict=True) if ".layers.0." in path}
    heard, hooks = {}, []
    for path, row in below.items():
        weight = torch.from_numpy(sum(row[i] * pool.b[path][i] @ pool.a[path][i] for i in range(4)))
        hooks.append(model.get_submodule(path).register_forward_hook(lambda m, x, y, weight=weight: y + x[0] @ weight.T))
    for path in pool.paths:
        model.get_submodule(path).register_forward_pre_hook(lambda m, x, path=path: heard.setdefault(path, []).append(x[0][0]))
    for request, answer in pairs:
        row = llama.lm.encode(request, answer)
        model(input_ids=torch.tensor([row.ids]))
        for path in pool.paths:
            heard[path][-1] = heard[path][-1][row.prompt :]
    for path, row in zip(pool.paths, shares, strict=True):
        x = torch.cat(heard[path])
        norm = torch.nn.functional.layer_norm
        rated = (norm(x, (32,)) @ norm(torch.from_numpy(pool.gates[path]), (32,)).T).mean(dim=0) / 32**0.5
        best = rated.topk(2)
        expected = torch.zeros(4).scatter(0, best.indices, best.values.softmax(dim=0))
        assert np.allclose(row, expected.detach().numpy(), atol=1e-4), path


def test_a_persons_pieces_do_not_depend_on_who_else_is_there(llama, pool):
    jobs = [pairs_of("ann", 5), [], pairs_of("bob", 1), pairs_of("a person of many words", 3)]
    together = assembled(llama.lm, jobs, pool, 2)
    for job, made in zip(jobs, together, strict=True):
        assert np.allclose(assembled(llama.lm, [job], pool, 2)[0], made, atol=1e-5)
    assert not together[1].any() and np.allclose(together[0].sum(axis=1), 1) and ((together[0] > 0).sum(axis=1) == 2).all()


def test_without_a_pool_or_without_a_top_nothing_is_chosen(llama, pool):
    assert assembled(llama.lm, [pairs_of("ann", 2)], Pool({}, {}, {}))[0].size == 0
    with pytest.raises(RequestError, match="top 0"):
        assembled(llama.lm, [], pool, top=0)


def test_a_pool_is_read_back_from_its_arrays(pool):
    again = Pool.read(pool.arrays)
    assert again.paths == pool.paths and all(np.array_equal(again.arrays[name], array) for name, array in pool.arrays.items())


def gated_loss(model, lm, pair, adapter, gates):
    """The loss a token where sigmoid(x . g) x goes into the adapter, on a model of its own."""
    request, answer = pair
    row = lm.encode(request, answer, end=True)

    def hook(path):
        a, b = (torch.from_numpy(factor) for factor in adapter.modules[path])
        return lambda m, x, y: y + adapter.scale * (x[0] * torch.sigmoid(x[0] @ gates[path])[..., None]) @ a.T @ b.T

    hooks = [model.get_submodule(path).register_forward_hook(hook(path)) for path in adapter.modules]
    logits = model(input_ids=torch.tensor([row.ids])).logits[0, row.prompt - 1 : -1]
    for one in hooks:
        one.remove()
    return torch.nn.functional.cross_entropy(logits, torch.tensor(row.ids[row.prompt :]))


@pytest.mark.parametrize("task", [False, True])
def test_gates_move_against_the_gradient_of_the_gated_loss_and_stand_alone(llama, sharers, task):
    common = {llama.adapter(9, rank=3, targets=TARGETS): 1.0} if task else {}
    jobs = [[(request.bent(adapters=common), answer) for request, answer in pairs_of(name, 1)] for name in ("ann", "bob", "cyd")]
    made = gated(llama.lm, jobs, sharers[:3], Plan(lr=1e-3, epochs=1, weight_decay=0.0, warmup=0.0))
    model = make_model("llama", len(llama.tokenizer))
    for adapter in common:
        for path, (a, b) in adapter.modules.items():
            model.get_submodule(path).weight.data += torch.from_numpy(adapter.scale * b @ a)
    for job, adapter, gates in zip(jobs, sharers, made, strict=False):
        zero = {path: torch.zeros(32, requires_grad=True) for path in adapter.modules}
        gated_loss(model, llama.lm, job[0], adapter, zero).backward()
        for path, gate in gates.items():
            clear = zero[path].grad.abs() > 1e-5  # Adam's first step is the gradient's sign, where it is more than rounding
            assert clear.any() and np.allclose(gate[clear.numpy()], -1e-3 * zero[path].grad[clear].sign().numpy(), atol=1e-5), path


def test_trained_gates_make_the_answers_likelier_and_leave_the_adapters(llama, sharers):
    pairs = pairs_of("ann", 4)
    before = sharers[0].digest
    (gates,) = gated(llama.lm, [pairs], sharers[:1], Plan(lr=5e-2, epochs=12, weight_decay=0.0))
    model = make_model("llama", len(llama.tokenizer))
    with torch.no_grad():
        losses = [
            sum(gated_loss(model, llama.lm, pair, sharers[0], g) for pair in pairs)
            for g in ({path: torch.zeros(32) for path in gates}, {path: torch.from_numpy(gate) for path, gate in gates.items()})
        ]
    assert losses[1] < 0.97 * losses[0] and Adapter(sharers[0].modules, 0.5).digest == before


def test_a_sharer_without_pairs_keeps_a_gate_of_zeros(llama, sharers):
    made = gated(llama.lm, [pairs_of("ann", 1), []], sharers[:2], Plan())
    assert any(gate.any() for gate in made[0].values()) and not any(gate.any() for gate in made[1].values())
    assert gated(llama.lm, [], [], Plan()) == []
