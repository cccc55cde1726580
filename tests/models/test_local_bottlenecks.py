"""A bottleneck behind a module, against the network written out in torch; beside LoRAs, in mixtures, in batches, one token at a time."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from idiolect.errors import ModelError
from idiolect.models.bends import Bends, bent
from idiolect.models.places import linears
from idiolect.types import Adapter, Guide, ask
from tests.models.test_local_bends import generated, last_logits, merged, plain_logits
from tests.models.test_local_lean import counted, slow, steps

QUESTION = ask("Tell me of the fox", max_tokens=10)
BEHIND = {"llama": ("o_proj", "down_proj"), "qwen2": ("o_proj", "down_proj"), "gpt2": ("c_proj",)}


def bottleneck(bench, seed, size=3, scale=0.5, targets=None):
    """Random weights and biases, the one on the way up as the last unit, which is always 1."""
    random, modules = np.random.default_rng(seed), {}
    for path in bench.lm.linear_paths(targets or BEHIND[bench.kind]):
        width = linears(bench.model)[path][1]
        a, b = random.normal(0, 0.3, (size + 1, width + 1)), random.normal(0, 0.3, (width, size + 1))
        a[size] = np.eye(width + 1)[width]
        modules[path] = a.astype("f4"), b.astype("f4")
    return Adapter(modules, scale, f"bottleneck {seed}", "relu")


class Houlsby(nn.Module):
    """A module, and behind it a network of two linear layers with biases, skipped over."""

    def __init__(self, module, a, b, share):
        super().__init__()
        self.module, self.share, size = module, share, len(a) - 1
        self.down, self.up = nn.Linear(a.shape[1] - 1, size), nn.Linear(size, len(b))
        for layer, weight, bias in ((self.down, a[:size, :-1], a[:size, -1]), (self.up, b[:, :size], b[:, size])):
            layer.weight.data, layer.bias.data = torch.tensor(weight), torch.tensor(bias)

    def forward(self, x):
        y = self.module(x)
        return y + self.share * self.up(torch.relu(self.down(y)))


def written_out(model, adapter, share=1.0):
    """A copy of the model with the networks in it."""
    made = copy.deepcopy(model)
    for path, (a, b) in adapter.modules.items():
        parent, _, name = path.rpartition(".")
        setattr(made.get_submodule(parent), name, Houlsby(made.get_submodule(path), a, b, adapter.scale * share))
    return made


@pytest.mark.parametrize("share", [1.0, -0.4])
def test_it_is_the_network_written_out_behind_the_module_and_the_share_is_of_what_comes_out(bench, share):
    adapter = bottleneck(bench, 1)
    by_hand = plain_logits(bench, written_out(bench.model, adapter, share), QUESTION)
    assert torch.allclose(last_logits(bench, QUESTION.bent(adapters={adapter: share})), by_hand, atol=1e-4)
    assert not torch.allclose(by_hand, plain_logits(bench, bench.model, QUESTION), atol=1e-1)


def test_where_every_unit_is_on_it_is_a_linear_map_and_where_all_are_off_it_is_nothing(llama):
    path, width = "model.layers.1.mlp.down_proj", 32
    above, below = (np.hstack([np.eye(width), np.full((width, 1), bias)]).astype("f4") for bias in (100.0, -100.0))
    one = np.eye(width + 1, dtype="f4")[width:]
    high = Adapter(
        {path: (np.vstack([above, one]), below)}, activation="relu"
    )  # what the bias on the way down adds, that on the way up takes
    low = Adapter({path: (below, np.eye(width, dtype="f4"))}, activation="relu")
    doubled = copy.deepcopy(llama.model)
    doubled.get_submodule(path).weight.data *= 2
    assert torch.allclose(last_logits(llama, QUESTION.bent(adapters={high: 1.0})), plain_logits(llama, doubled, QUESTION), atol=1e-2)
    assert torch.equal(last_logits(llama, QUESTION.bent(adapters={low: 1.0})), last_logits(llama, QUESTION))


def test_it_is_given_what_the_module_says_with_its_loras_and_several_are_added_whatever_their_order(bench):
    lora, first, second = bench.adapter(4, targets=BEHIND[bench.kind]), bottleneck(bench, 1), bottleneck(bench, 2, size=5, scale=1.0)
    alone = plain_logits(bench, written_out(merged(bench, {lora: 0.6}), first, 0.7), QUESTION)
    assert torch.allclose(last_logits(bench, QUESTION.bent(adapters={lora: 0.6, first: 0.7})), alone, atol=1e-4)
    joined = {}
    for path, (a, b) in first.modules.items():
        a2, b2 = second.modules[path]
        joined[path] = np.vstack([a, a2]), np.hstack([0.5 * 0.7 * b, -0.3 * b2]).astype("f4")
    mixtures = [{lora: 0.6, first: 0.7, second: -0.3}, {second: -0.3, first: 0.7, lora: 0.6}]
    mixtures.append({lora: 0.6, Adapter(joined, activation="relu"): 1.0})
    one, turned, by_hand = (last_logits(bench, QUESTION.bent(adapters=mixture)) for mixture in mixtures)
    assert torch.allclose(one, by_hand, atol=1e-4) and torch.allclose(turned, by_hand, atol=1e-4)
    assert not torch.allclose(one, alone, atol=1e-1)


def test_rows_that_share_a_batch_are_each_bent_in_their_own_way(bench):
    mixtures = [
        {},
        {bottleneck(bench, 1): 1.0},
        {bench.adapter(2): 1.0, bottleneck(bench, 3, size=1): 0.5},
        {bench.adapter(4): 1.0},
        {bottleneck(bench, 1): 1.0},
        {bottleneck(bench, 5, targets=BEHIND[bench.kind][:1], size=6): -1.0, bottleneck(bench, 6): 1.0},
    ]
    requests = [ask("fox " * i + "Tell me", max_tokens=4 + i).bent(adapters=mixture) for i, mixture in enumerate(mixtures)]
    requests.append(QUESTION.bent(guide=Guide((requests[1], requests[2]), (1.0, 0.5, -0.5))))
    answers = [f"the dog {'sleeps ' * (i % 3)}on" for i in range(len(requests))]
    for request, answer, reply, score in zip(
        requests, answers, bench.lm.generate(requests), bench.lm.score(requests, answers), strict=True
    ):
        assert reply == bench.lm.generate([request])[0]
        assert np.allclose(score.logprobs, bench.lm.score([request], [answer])[0].logprobs, atol=1e-4)


def test_rows_of_the_same_person_share_what_bends_them(llama):
    ann, bob = ({bottleneck(llama, seed): 1.0} for seed in (1, 2))
    requests = [ask(f"Tell me {i}").bent(adapters=own) for i, own in enumerate((bob, ann, bob))]
    assert all(len(a) == 2 for a, _ in llama.lm.bends(requests).bottleneck.values())
    for request, score in zip(requests, llama.lm.score(requests, ["the dog"] * 3), strict=True):
        assert np.allclose(score.logprobs, llama.lm.score([request], ["the dog"])[0].logprobs, atol=1e-4)


def test_one_token_at_a_time_it_says_what_it_says_of_the_whole(bench, monkeypatch):
    bent_by = QUESTION.bent(adapters={bottleneck(bench, 1): 1.0, bench.adapter(2): 0.5})
    tokens = tuple(generated(bench.lm, bent_by))
    row = bench.lm.encode(bent_by).answered(tokens, 0)
    with torch.no_grad():
        logits = bench.lm.engine.answer_logits([row], bench.lm.bends([bent_by]))[0]
    assert tuple(logits.argmax(dim=-1).tolist()) == tokens != tuple(generated(bench.lm, QUESTION))
    requests, taken = [bent_by, QUESTION, QUESTION.bent(adapters={bottleneck(bench, 2): 1.0})], counted(bench.lm, monkeypatch)
    made = steps(bench.lm, requests)
    assert len(taken) == (0 if bench.kind == "gpt2" else 4)
    assert torch.allclose(made, steps(slow(bench.lm), requests), atol=1e-4)


def test_what_adds_nothing_changes_no_bit(bench):
    made = bottleneck(bench, 1)
    nothing = Adapter({path: (a, np.zeros_like(b)) for path, (a, b) in made.modules.items()}, activation="relu")
    assert torch.equal(last_logits(bench, QUESTION.bent(adapters={nothing: 1.0})), last_logits(bench, QUESTION))


def test_behind_the_vocabulary_rows_are_still_told_apart(llama):
    requests = [QUESTION.bent(adapters={bottleneck(llama, seed, targets=("lm_head",)): 1.0}) for seed in (1, 2)]
    rows = [llama.lm.encode(request, "the dog") for request in requests]
    together = llama.lm.answer_logprobs(rows, llama.lm.bends(requests))[0]
    for row, request, own in zip(rows, requests, together, strict=True):
        assert torch.allclose(own, llama.lm.answer_logprobs([row], llama.lm.bends([request]))[0][0], atol=1e-4)
    assert not torch.allclose(together[0], together[1], atol=1e-2)


def test_gradients_reach_both_ways_of_a_job_and_not_those_of_another(bench):
    stacks = {path: [torch.tensor(f).repeat(2, 1, 1) for f in (a, b.T)] for path, (a, b) in bottleneck(bench, 1).modules.items()}
    behind = {path: (a.requires_grad_(), b.requires_grad_()) for path, (a, b) in stacks.items()}
    rows = [bench.lm.encode(QUESTION, answer) for answer in ("the dog", "sleeps on", "a")]
    logp, _ = bench.lm.answer_logprobs(rows, Bends(jobs=torch.tensor([0, 1, 1]), bottleneck=behind))
    logp[1:].sum().backward()
    assert all(factor.grad[1].abs().sum() > 0 and not factor.grad[0].any() for pair in behind.values() for factor in pair)
    assert all(parameter.grad is None for parameter in bench.model.parameters())


def test_an_exception_behind_a_module_that_has_a_lora_too_leaves_it_as_it_was(llama, monkeypatch):
    request = QUESTION.bent(adapters={llama.adapter(1, targets=("o_proj",)): 1.0, bottleneck(llama, 1): 1.0})
    monkeypatch.setattr("idiolect.models.bends._through", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        llama.lm.generate([request])
    assert not any("forward" in module.__dict__ for module in llama.model.modules())
    monkeypatch.undo()
    assert llama.lm.generate([request]) != llama.lm.generate([QUESTION])
    assert not any("forward" in module.__dict__ for module in llama.model.modules())


def test_one_made_for_another_model_is_refused_before_any_work(llama, monkeypatch):
    monkeypatch.setattr(llama.lm.engine, "logits", lambda *args: pytest.fail("the model ran"))
    a, b = np.zeros((2, 33), np.float32), np.zeros((32, 2), np.float32)
    narrow = Adapter({"model.layers.0.self_attn.o_proj": (a[:, 1:], b[1:])}, activation="relu")
    lost = Adapter({"model.layers.9.self_attn.o_proj": (a, b)}, activation="relu")
    for adapter, found in ((narrow, r"\(32, 31\).*is \(33, 32\)"), (lost, "not there")):
        with pytest.raises(ModelError, match=f"{found}.*another model"):
            llama.lm.generate([QUESTION.bent(adapters={adapter: 1.0})])


def test_one_where_rows_cannot_be_told_apart_is_refused():
    model = nn.Sequential(nn.Linear(3, 3))
    bends = Bends(bottleneck={"0": (torch.ones(2, 1, 4), torch.ones(2, 1, 3))})
    with pytest.raises(ModelError, match="rows cannot be told apart"), bent(model, bends):
        model(torch.ones(6, 3))
