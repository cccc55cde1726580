"""Products with frozen weights: in fp32 what torch gives, in bf16 what rounding allows, gradients too, and nothing left behind."""

import pytest
import torch

from idiolect.training import precision
from idiolect.training.loop import Plan
from idiolect.training.precision import products, resolved
from idiolect.training.sft import sft
from tests.training.conftest import arrays, pairs_of

IDS = torch.tensor([[3, 5, 7, 11, 13, 17], [2, 4, 8, 16, 32, 64]])


def outcome(model, how):
    """Logits, and the gradient of their squares to the embeddings."""
    embeds = model.get_input_embeddings()(IDS).detach().requires_grad_()
    with products(model, how):
        logits = model(inputs_embeds=embeds).logits
    logits.square().sum().backward()
    return logits.detach(), embeds.grad


def apart(one, other):
    """The largest difference, in parts of the largest value."""
    return float((one - other).abs().max() / other.abs().max())


@pytest.fixture(params=["llama", "gpt2", "qwen2"])
def model(request):
    return request.getfixturevalue(request.param).model


def reference(model):
    embeds = model.get_input_embeddings()(IDS).detach().requires_grad_()
    logits = model(inputs_embeds=embeds).logits
    logits.square().sum().backward()
    return logits.detach(), embeds.grad


def test_fp32_is_what_torch_gives_and_bf16_is_off_by_rounding(model, monkeypatch):
    monkeypatch.setattr(precision, "pays", lambda: True)
    expected = reference(model)
    assert all(apart(made, wanted) < 1e-5 for made, wanted in zip(outcome(model, "fp32"), expected))
    assert all(1e-5 < apart(made, wanted) < 5e-2 for made, wanted in zip(outcome(model, "bf16"), expected))


def test_where_onednn_does_not_pay_fp32_is_left_to_torch_to_the_bit(model, monkeypatch):
    monkeypatch.setattr(precision, "pays", lambda: False)
    assert all(torch.equal(made, wanted) for made, wanted in zip(outcome(model, "fp32"), reference(model)))


def test_nothing_is_left_on_the_model_whatever_happens(llama):
    with pytest.raises(RuntimeError, match="broke"), products(llama.model, "bf16"):
        raise RuntimeError("broke")
    assert not any("forward" in module.__dict__ for module in llama.model.modules())


def test_weights_that_have_changed_are_rounded_anew():
    layer = torch.nn.Linear(4, 4).requires_grad_(False)
    with products(layer, "bf16"):
        before = layer(torch.ones(1, 4))
    layer.weight.mul_(2)
    with products(layer, "bf16"):
        after = layer(torch.ones(1, 4))
    assert torch.allclose(after - layer.bias, 2 * (before - layer.bias))


def test_auto_is_bf16_where_the_processor_multiplies_it_and_fp32_elsewhere(monkeypatch):
    cpu = torch.device("cpu")
    for able, chosen in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr(precision, "_multiplies_bf16", lambda: able)
        assert resolved("auto", cpu) == chosen
    assert resolved("auto", torch.device("cuda")) == "bf16" and resolved("fp32", torch.device("cuda")) == "fp32"


def test_bf16_training_learns_what_fp32_training_learns(llama):
    pairs = pairs_of("ann", 5)
    one, other, start = (
        sft(llama.lm, [pairs], plan=Plan(lr=1e-2, epochs=n, precision=p))[0] for n, p in ((8, "fp32"), (8, "bf16"), (0, "fp32"))
    )
    nats = [
        sum(s.nats for s in llama.lm.score([r.bent(adapters={a: 1.0}) for r, _ in pairs], [answer for _, answer in pairs]))
        for a in (one, other, start)
    ]
    assert abs(nats[1] - nats[0]) < 0.03 * abs(nats[0] - nats[2])
    assert (arrays(one) != arrays(other)).any()
