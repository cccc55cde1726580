"""Adapters against PEFT's on the same examples, over other adapters, and on three architectures."""

import numpy as np
import peft
import pytest
import torch

from idiolect.errors import ModelError, RequestError
from idiolect.models.local import LocalLM
from idiolect.models.scripted import ScriptedLM
from idiolect.training.loop import Plan
from idiolect.training.sft import LoRA, sft
from tests.tiny_models import make_model
from tests.training.conftest import arrays, near, pairs_of

QUICK = Plan(lr=1e-2, epochs=8)


def nats(lm, pairs, adapter=None):
    """How likely the pairs' answers are, with an adapter or without."""
    requests = [request.bent(adapters={adapter: 1.0} if adapter else {}) for request, _ in pairs]
    return sum(score.nats for score in lm.score(requests, [answer for _, answer in pairs]))


def peft_loss(model, tokenizer, pairs):
    """Mean loss an answer token, one unpadded row at a time."""
    total, count = 0.0, 0
    for request, answer in pairs:
        turns = [{"role": message.role, "content": message.content} for message in request.messages]
        text = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        prompt, said = (tokenizer(part, add_special_tokens=False)["input_ids"] for part in (text, answer))
        ids = torch.tensor([[*prompt, *said, tokenizer.eos_token_id]])
        logits = model(input_ids=ids).logits[0, len(prompt) - 1 : -1]
        total = total + torch.nn.functional.cross_entropy(logits, ids[0, len(prompt) :], reduction="sum")
        count += len(said) + 1
    return total / count


def peft_trained(model, tokenizer, pairs, begun, plan):
    """PEFT's LoRA of rank 4 and alpha 8 from our A, with torch's AdamW, clipping and schedule, all examples in each step: path -> (A, B)."""
    config = peft.LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"], lora_dropout=0.0)
    wrapped = peft.get_peft_model(model, config)
    layers = {name.removeprefix("base_model.model."): m for name, m in wrapped.named_modules() if isinstance(m, peft.tuners.lora.Linear)}
    for path, layer in layers.items():
        layer.lora_A["default"].weight.data.copy_(begun[f"{path}|A"][0])
    trained = [p for p in wrapped.parameters() if p.requires_grad]
    adamw = torch.optim.AdamW(trained, lr=plan.lr, weight_decay=plan.weight_decay)
    steps, warm = plan.epochs, plan.warmup * plan.epochs
    schedule = torch.optim.lr_scheduler.LambdaLR(adamw, lambda at: min((at + 1) / warm, 1.0, (steps - at) / (steps - warm)))
    for _ in range(steps):
        adamw.zero_grad()
        peft_loss(wrapped, tokenizer, pairs).backward()
        torch.nn.utils.clip_grad_norm_(trained, plan.clip)
        adamw.step()
        schedule.step()
    return {path: (m.lora_A["default"].weight.detach(), m.lora_B["default"].weight.detach()) for path, m in layers.items()}


def test_the_adapter_is_what_peft_and_torch_train_from_the_same_start(llama):
    pairs, plan = pairs_of("ann", 5), Plan(lr=2e-3, epochs=20, batch=8, warmup=0.2)
    ours = sft(llama.lm, [pairs], rank=4, alpha=8.0, plan=plan)[0]
    begun = LoRA(llama.lm, llama.lm.linear_paths(["q_proj", "v_proj"]), 4, 2.0, plan.seed).start(1)
    theirs = peft_trained(make_model("llama", len(llama.tokenizer)), llama.tokenizer, pairs, begun, plan)
    assert ours.scale == 2.0 and ours.modules.keys() == theirs.keys()
    for path, factors in theirs.items():
        for mine, other in zip(ours.modules[path], factors, strict=True):
            assert np.abs(mine - other.numpy()).max() < 1e-4, path
        assert np.abs(ours.modules[path][1]).max() > 1e-2  # B has moved a hundred times further


def test_a_is_drawn_between_the_bounds_that_peft_draws_from_and_b_is_0(llama):
    adapter = sft(llama.lm, [[]], rank=16)[0]
    for a, b in adapter.modules.values():
        bound = 1 / a.shape[1] ** 0.5
        assert 0.9 * bound < np.abs(a).max() <= bound and abs(a.mean()) < 0.1 * bound
        assert not b.any()


def test_a_job_without_pairs_gives_an_adapter_that_changes_nothing(llama):
    adapter = sft(llama.lm, [[]], rank=4)[0]
    pairs = pairs_of("ann", 3)
    assert nats(llama.lm, pairs, adapter) == nats(llama.lm, pairs)


@pytest.mark.parametrize("kind", ["llama", "gpt2", "qwen2"])
def test_what_was_trained_on_becomes_likelier(kind, request):
    lm, pairs = request.getfixturevalue(kind).lm, pairs_of("ann", 4)
    adapter = sft(lm, [pairs], plan=QUICK)[0]
    assert nats(lm, pairs, adapter) > 0.85 * nats(lm, pairs)  # both are negative


def test_gpt2_is_bent_at_c_attn(gpt2):
    adapter = sft(gpt2.lm, [[]])[0]
    assert {path.rpartition(".")[2] for path in adapter.modules} == {"c_attn"} and len(adapter.modules) == gpt2.lm.layers


@pytest.mark.parametrize(("kind", "modules"), [("llama", ("q_porj",)), ("llama", ("q_proj", "q_porj")), ("gpt2", ("c_fc", "q_porj"))])
def test_a_module_that_is_not_there_is_refused_by_name(kind, modules, request):
    with pytest.raises(ModelError, match="q_porj"):
        sft(request.getfixturevalue(kind).lm, [[]], modules=modules)


def test_an_adapter_over_another_is_what_is_learnt_on_a_model_with_the_other_merged(llama):
    task, pairs = llama.adapter(1, targets=("q_proj", "down_proj")), pairs_of("ann", 6)
    over = sft(llama.lm, [[(request.bent(adapters={task: 0.5}), answer) for request, answer in pairs]], rank=4, plan=Plan(epochs=10))[0]
    model = make_model("llama", len(llama.tokenizer))
    for path, (a, b) in task.modules.items():
        model.get_submodule(path).weight.data += 0.5 * task.scale * torch.from_numpy(b @ a)
    merged = LocalLM(model, llama.tokenizer, "merged", window=llama.lm.window)
    assert near(over, sft(merged, [pairs], rank=4, plan=Plan(epochs=10))[0])
    assert not near(over, sft(llama.lm, [pairs], rank=4, plan=Plan(epochs=10))[0])


def test_each_row_is_trained_over_the_mixture_of_its_own_request(llama):
    first, second = llama.adapter(1), llama.adapter(2, rank=2, targets=("v_proj",))
    mixtures = [{first: 1.0}, {second: 0.5}, {}, {first: 0.3, second: 0.7}]
    jobs = [[(r.bent(adapters=mixture), a) for r, a in pairs_of(f"person {i}", 4)] for i, mixture in enumerate(mixtures)]
    mixed = [(r.bent(adapters=mixtures[i % 4]), a) for i, (r, a) in enumerate(pairs_of("mixed", 6))]
    plan = Plan(epochs=10)
    together = sft(llama.lm, [*jobs, mixed], rank=4, plan=plan)
    for pairs, adapter in zip([*jobs, mixed], together, strict=True):
        assert near(adapter, sft(llama.lm, [pairs], rank=4, plan=plan)[0])
    plain = sft(llama.lm, [[(r.__class__(r.messages), a) for r, a in jobs[0]]], rank=4, plan=plan)[0]
    assert not near(together[0], plain)


@pytest.mark.parametrize("bend", [lambda b: {"prefix": b.prefix(1)}, lambda b: {"steering": [b.steering(1)]}], ids=["prefix", "steering"])
def test_prefix_and_steering_of_a_request_hold_while_it_trains(llama, bend):
    pairs = pairs_of("ann", 4)
    bent = [(request.bent(**bend(llama)), answer) for request, answer in pairs]
    apart, together = sft(llama.lm, [bent], rank=2, plan=QUICK), sft(llama.lm, [pairs, bent], rank=2, plan=QUICK)
    assert near(apart[0], together[1]) and not near(together[0], together[1])


def test_adapters_carry_the_names_given(llama):
    assert [adapter.name for adapter in sft(llama.lm, [[], []], rank=1, names=["ann", "bob"])] == ["ann", "bob"]


def test_another_seed_starts_elsewhere(llama):
    one, again, other = (sft(llama.lm, [[]], rank=2, plan=Plan(seed=seed))[0] for seed in (1, 1, 2))
    assert one == again and one != other and arrays(one).shape == arrays(other).shape


def test_a_model_without_weights_is_refused():
    with pytest.raises(ModelError, match="scripted"):
        sft(ScriptedLM(can=["adapters", "train"]), [pairs_of("ann", 2)])


@pytest.mark.parametrize("nothing", [{"rank": 0}, {"modules": ()}])
def test_an_adapter_that_holds_nothing_is_refused(llama, nothing):
    with pytest.raises(RequestError, match="holds nothing"):
        sft(llama.lm, [pairs_of("ann", 2)], **nothing)
