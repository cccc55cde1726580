"""Bottlenecks behind sub-layers, against Houlsby's adapters written out in torch and trained by a plain loop; together and alone."""

import numpy as np
import pytest
import torch
from torch import nn

from idiolect.errors import ModelError, RequestError
from idiolect.models.scripted import ScriptedLM
from idiolect.training.loop import Plan
from idiolect.training.series import Series, bottlenecks
from idiolect.types import ask
from tests.models.test_local_bottlenecks import bottleneck
from tests.tiny_models import make_model, snapshot, unchanged
from tests.training.conftest import arrays, near, pairs_of
from tests.training.test_sft import nats, peft_loss

QUICK = Plan(lr=1e-2, epochs=8)


class Behind(nn.Module):
    """A frozen module and Houlsby's adapter behind it: down, relu, up, and a connection that skips them."""

    def __init__(self, module, size, width, drawn):
        super().__init__()
        self.module, self.down, self.up = module, nn.Linear(width, size), nn.Linear(size, width)
        self.down.weight.data.copy_(drawn)
        for zero in (self.down.bias, self.up.weight, self.up.bias):
            nn.init.zeros_(zero)

    def forward(self, x):
        y = self.module(x)
        return y + self.up(torch.relu(self.down(y)))


def plainly_trained(model, tokenizer, pairs, begun, size, plan):
    """path -> (W_down, b_down, W_up, b_up) after torch's AdamW, clipping and schedule, all pairs in each step, one row at a time."""
    model.requires_grad_(False)
    placed = {}
    for path, drawn in begun.items():
        parent, _, name = path.rpartition(".")
        placed[path] = Behind(model.get_submodule(path), size, drawn.shape[1], drawn)
        setattr(model.get_submodule(parent), name, placed[path])
    trained = [p for one in placed.values() for layer in (one.down, one.up) for p in layer.parameters()]
    adamw = torch.optim.AdamW(trained, lr=plan.lr, weight_decay=plan.weight_decay)
    steps, warm = plan.epochs, plan.warmup * plan.epochs
    schedule = torch.optim.lr_scheduler.LambdaLR(adamw, lambda at: min((at + 1) / warm, 1.0, (steps - at) / (steps - warm)))
    for _ in range(steps):
        adamw.zero_grad()
        peft_loss(model, tokenizer, pairs).backward()
        torch.nn.utils.clip_grad_norm_(trained, plan.clip)
        adamw.step()
        schedule.step()
    return {path: [p.detach().numpy() for layer in (one.down, one.up) for p in layer.parameters()] for path, one in placed.items()}


def test_they_are_houlsbys_adapters_as_a_plain_loop_trains_them_from_the_same_start(llama):
    pairs, plan, size = pairs_of("ann", 5), Plan(lr=2e-3, epochs=20, batch=8, warmup=0.2), 6
    ours = bottlenecks(llama.lm, [pairs], size=size, plan=plan)[0]
    start = Series(llama.lm, list(ours.modules), size, plan.seed).start(1)
    begun = {path: start[f"{path}|A"][0, :, :-1].detach() for path in ours.modules}
    theirs = plainly_trained(make_model("llama", len(llama.tokenizer)), llama.tokenizer, pairs, begun, size, plan)
    assert len(theirs) == 4 and ours.scale == 1.0 and ours.activation == "relu"
    for path, (a, b) in ours.modules.items():
        mine = (a[:size, :-1], a[:size, -1], b[:, :size], b[:, size])
        for own, other in zip(mine, theirs[path], strict=True):
            assert np.abs(own - other).max() < 1e-4, path
        assert np.array_equal(a[size], np.eye(33)[32])  # the unit that carries b_up is not trained
        assert min(np.abs(part).max() for part in mine[1:]) > 5e-3  # all that began at zero has moved


def test_people_trained_together_are_what_each_is_alone(llama, jobs, plan):
    together = bottlenecks(llama.lm, jobs, size=4, plan=plan)
    for pairs, adapter in zip(jobs, together, strict=True):
        alone = bottlenecks(llama.lm, [pairs], size=4, plan=plan)[0]
        assert np.abs(arrays(adapter) - arrays(alone)).max() < 1e-5
    assert np.abs(arrays(together[0]) - arrays(together[2])).max() > 1e-3


def test_what_a_request_carries_holds_while_they_are_trained(llama):
    first, second, behind = llama.adapter(1), llama.adapter(2, rank=2, targets=("v_proj",)), bottleneck(llama, 3, size=2)
    mixtures = [{first: 1.0}, {second: 0.5, behind: 1.0}, {}, {behind: -0.5}]
    jobs = [[(r.bent(adapters=mixture), a) for r, a in pairs_of("ann", 4)] for mixture in mixtures]
    mixed = [(r.bent(adapters=mixtures[i % 4]), a) for i, (r, a) in enumerate(pairs_of("mixed", 6))]
    plan = Plan(epochs=10)
    together = bottlenecks(llama.lm, [*jobs, mixed], size=3, plan=plan)
    for pairs, adapter in zip([*jobs, mixed], together, strict=True):
        assert near(adapter, bottlenecks(llama.lm, [pairs], size=3, plan=plan)[0])
    assert not any(near(together[2], together[other]) for other in (0, 1, 3))  # the same pairs, over nothing


def test_a_job_without_pairs_adds_nothing_to_the_bit(llama):
    adapter, pairs = bottlenecks(llama.lm, [[]], size=4, plan=QUICK)[0], pairs_of("ann", 3)
    assert all(not b.any() for _, b in adapter.modules.values()) and nats(llama.lm, pairs, adapter) == nats(llama.lm, pairs)


@pytest.mark.parametrize("kind", ["llama", "gpt2", "qwen2"])
def test_what_was_trained_on_becomes_likelier_and_the_model_stays_as_it_was(kind, request):
    lm, pairs = request.getfixturevalue(kind).lm, pairs_of("ann", 4)
    before = snapshot(lm)
    adapter = bottlenecks(lm, [pairs], size=8, plan=QUICK)[0]
    assert nats(lm, pairs, adapter) > 0.85 * nats(lm, pairs)  # both are negative
    assert not unchanged(lm, before)
    assert len(adapter.modules) == 2 * lm.layers  # behind attention and behind feed-forward, in GPT-2 too


def test_another_seed_starts_elsewhere_and_names_are_those_given(llama):
    one, again, other = (bottlenecks(llama.lm, [[]], size=2, plan=Plan(seed=seed), names=["ann"])[0] for seed in (1, 1, 2))
    assert one == again != other and one.name == "ann"


def test_what_cannot_be_is_refused_with_the_reason(llama):
    job = [pairs_of("ann", 1)]
    with pytest.raises(RequestError, match="0 units holds nothing"):
        bottlenecks(llama.lm, job, size=0, plan=QUICK)
    with pytest.raises(ModelError, match="o_porj"):
        bottlenecks(llama.lm, job, size=2, plan=QUICK, modules=("o_porj",))
    with pytest.raises(ModelError, match="scripted"):
        bottlenecks(ScriptedLM(can=["adapters", "train"]), [[(ask("Who?"), "me")]], size=2, plan=QUICK)
