"""DPO: its closed form, where it starts, which way it goes, against PEFT, and people together against each alone."""

import math

import numpy as np
import peft
import pytest
import torch

from idiolect.errors import RequestError
from idiolect.training import wave
from idiolect.training.loop import Plan
from idiolect.training.preference import DPO, prefer
from idiolect.training.sft import LoRA
from idiolect.types import ask
from tests.tiny_models import make_model
from tests.training.conftest import arrays, near


def preferences(person, count):
    """Chosen and rejected answers of unlike lengths."""
    return [
        (ask(f"Question {i} " + "of the fox " * (i % 3)), f"{person} sleeps {'on ' * (i % 4)}{i}", "a dog " * (1 + i % 3))
        for i in range(count)
    ]


def nats(lm, requests, answers):
    return np.array([score.nats for score in lm.score(requests, answers)])


def margin(lm, pairs, adapter):
    """How much more likely the chosen answers have become than the rejected ones, in nats, on average."""
    bent = [request.bent(adapters={adapter: 1.0}) for request, *_ in pairs]
    return float(np.mean(nats(lm, bent, [p[1] for p in pairs]) - nats(lm, bent, [p[2] for p in pairs])))


@pytest.fixture
def losses(monkeypatch):
    """The mean loss of each forward pass, as they come."""
    seen, real = [], wave.loss_of
    monkeypatch.setattr(wave, "loss_of", lambda *given: [seen.append(float((made := real(*given)).detach().mean())), made][1])
    return seen


def test_the_loss_is_that_of_the_paper():
    logp, reference = torch.tensor([[-3.0, -5.0], [-9.0, -1.0]]), torch.tensor([[-4.0, -4.0], [-9.0, -2.0]])
    made = DPO(beta=0.5).loss(logp, reference, torch.ones(2, 2))
    expected = [-math.log(1 / (1 + math.exp(-0.5 * gained))) for gained in ((1.0) - (-1.0), 0.0 - 1.0)]
    assert made.tolist() == pytest.approx(expected)


def test_its_gradient_makes_the_chosen_likelier_and_the_rejected_less_by_beta_halves_at_the_start():
    logp = torch.tensor([[-3.0, -5.0]], requires_grad=True)
    DPO(beta=0.4).loss(logp, logp.detach().clone(), torch.ones(1, 2)).sum().backward()
    assert logp.grad.tolist()[0] == pytest.approx([-0.2, 0.2])


def test_it_starts_at_the_logarithm_of_2_and_falls(llama, losses):
    prefer(llama.lm, [preferences("ann", 4)], DPO(beta=0.5), plan=Plan(lr=1e-2, epochs=6, warmup=0.0))
    assert losses[0] == pytest.approx(math.log(2), abs=1e-5)
    assert losses[-1] < 0.9 * losses[0]


def test_what_was_chosen_becomes_likelier_than_what_was_rejected_and_turned_round_less(llama):
    pairs, plan = preferences("ann", 4), Plan(lr=1e-2, epochs=4)
    turned = [(request, rejected, chosen) for request, chosen, rejected in pairs]
    none, own, other = prefer(llama.lm, [[], pairs, turned], plan=plan)
    assert margin(llama.lm, pairs, own) > margin(llama.lm, pairs, none) + 1 > margin(llama.lm, pairs, other) + 2


def test_people_together_are_what_each_is_alone(llama):
    jobs, plan = [preferences("ann", 5), [], preferences("bob", 2)], Plan(lr=1e-3, epochs=10, batch=2)
    together = prefer(llama.lm, jobs, rank=4, plan=plan)
    assert all(near(one, prefer(llama.lm, [pairs], rank=4, plan=plan)[0]) for one, pairs in zip(together, jobs, strict=True))
    assert not near(together[0], together[2])


def test_reading_the_prompt_once_or_for_each_answer_gives_the_same(llama, monkeypatch):
    pairs, plan = [preferences("ann", 5)], Plan(lr=1e-3, epochs=10)
    once = prefer(llama.lm, pairs, rank=4, plan=plan)[0]
    monkeypatch.setattr(wave, "branches", lambda engine: False)
    assert near(once, prefer(llama.lm, pairs, rank=4, plan=plan)[0])


def test_an_adapter_that_a_request_carries_is_part_of_what_it_is_compared_with(llama, losses):
    task = llama.adapter(1)
    prefer(llama.lm, [[(r.bent(adapters={task: 1.0}), c, w) for r, c, w in preferences("ann", 3)]], plan=Plan(epochs=1))
    assert losses[0] == pytest.approx(math.log(2), abs=1e-5)


def peft_logp(model, tokenizer, request, answer):
    text = tokenizer.apply_chat_template([{"role": "user", "content": request.question}], add_generation_prompt=True, tokenize=False)
    prompt, said = (tokenizer(part, add_special_tokens=False)["input_ids"] for part in (text, answer))
    ids = torch.tensor([[*prompt, *said, tokenizer.eos_token_id]])
    logp = model(input_ids=ids).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
    return logp.gather(-1, ids[0, len(prompt) :, None]).sum()


def test_the_adapter_is_what_a_plain_peft_loop_learns(llama):
    pairs, plan, beta = preferences("ann", 3), Plan(lr=1e-3, epochs=12, batch=4, warmup=0.0), 0.2
    ours = prefer(llama.lm, [pairs], DPO(beta), rank=4, alpha=8.0, plan=plan)[0]
    wrapped = peft.get_peft_model(
        make_model("llama", len(llama.tokenizer)), peft.LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"])
    )
    layers = {name.removeprefix("base_model.model."): m for name, m in wrapped.named_modules() if isinstance(m, peft.tuners.lora.Linear)}
    begun = LoRA(llama.lm, list(layers), 4, 2.0, plan.seed).start(1)
    for path, layer in layers.items():
        layer.lora_A["default"].weight.data.copy_(begun[f"{path}|A"][0])
    trained = [p for p in wrapped.parameters() if p.requires_grad]
    adamw = torch.optim.AdamW(trained, lr=plan.lr, weight_decay=plan.weight_decay)
    for step in range(plan.epochs):
        adamw.param_groups[0]["lr"] = plan.lr * (1 - step / plan.epochs)
        adamw.zero_grad()
        for request, chosen, rejected in pairs:
            gained = [peft_logp(wrapped, llama.tokenizer, request, answer) for answer in (chosen, rejected)]
            with wrapped.disable_adapter(), torch.no_grad():
                before = [peft_logp(wrapped, llama.tokenizer, request, answer) for answer in (chosen, rejected)]
            loss = -torch.nn.functional.logsigmoid(beta * ((gained[0] - before[0]) - (gained[1] - before[1]))) / len(pairs)
            loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, plan.clip)
        adamw.step()
    for path, layer in layers.items():
        for mine, other in zip(ours.modules[path], (layer.lora_A, layer.lora_B), strict=True):
            assert np.abs(mine - other["default"].weight.detach().numpy()).max() < 1e-4, path
    assert np.abs(arrays(ours)).max() > 1e-3


@pytest.mark.parametrize("beta", [0.0, -1.0, float("nan")])
def test_a_beta_that_prefers_nothing_is_refused(beta):
    with pytest.raises(RequestError, match="prefers nothing"):
        DPO(beta)
